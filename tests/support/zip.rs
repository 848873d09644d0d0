//! A zip as Alipay makes it: names in GBK, and nothing that says so.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// One member: its name in bytes and its content.
pub struct Member {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
}

/// The archive, members in the given order, all dated the first of January 1980.
pub fn archive(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let at = narrow(bytes.len());
        let fields = fields(member);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields.head);
        bytes.extend(&member.name);
        bytes.extend(&fields.packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields.head);
        // No comment, disk 0, no attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(&member.name);
    }
    let (start, size) = (narrow(bytes.len()), narrow(directory.len()));
    let count = u16::try_from(members.len()).unwrap();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

struct Fields {
    /// What the local header and the directory share, from the version to the length of the extra field.
    head: Vec<u8>,
    packed: Vec<u8>,
}

fn fields(member: &Member) -> Fields {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&member.content).unwrap();
    let packed = encoder.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(&member.content);
    // Version 2.0, flags 0 (bit 11, which would say UTF-8, is clear), deflated, 1980-01-01 00:00.
    let mut head = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
    head.extend(crc.sum().to_le_bytes());
    head.extend(narrow(packed.len()).to_le_bytes());
    head.extend(narrow(member.content.len()).to_le_bytes());
    head.extend(u16::try_from(member.name.len()).unwrap().to_le_bytes());
    head.extend([0, 0]);
    Fields { head, packed }
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap()
}
