//! `tieout formats`

use super::{DONE, console};
use crate::error::Error;
use crate::formats::Format;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One JSON object per format on a line
    #[arg(long)]
    json: bool,
}

impl Arguments {
    #[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
    pub fn run(self) -> Result<u8, Error> {
        let mut text = String::new();
        for format in Format::ALL {
            text += &if self.json {
                let declared = format.is_generic();
                format!(
                    "{}\n",
                    serde_json::json!({"format": format.word(), "about": format.about(), "columns_declared_in_job": declared})
                )
            } else {
                format!("{:16}  {}\n", format.word(), format.about())
            };
        }
        console::out(&text);
        Ok(DONE)
    }
}
