//! Positions by what they have in common.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// Shows all members that share a key, one group after the other; gives back those that have none.
///
/// Members keep their order within a group. The order of the groups says nothing, and is the same for equal members.
pub(crate) fn gather<K: Hash + Eq>(
    members: &[u32],
    key: impl Fn(u32) -> Option<K>,
    mut group: impl FnMut(&[u32]),
) -> Vec<u32> {
    let mut keyless = Vec::new();
    let mut hashed: Vec<(u64, u32, u32)> = Vec::with_capacity(members.len());
    for (&one, turn) in members.iter().zip(0_u32..) {
        match key(one) {
            Some(key) => {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hashed.push((hasher.finish(), turn, one));
            }
            None => keyless.push(one),
        }
    }
    hashed.sort_unstable();
    let mut together = Vec::new();
    for same_hash in hashed.chunk_by(|a, b| a.0 == b.0) {
        let mut open: Vec<u32> = Vec::new();
        together.clear();
        for &(_, _, one) in same_hash {
            // Two keys may have one hash.
            let first = together.first().map_or(one, |&first| first);
            if first == one || key(first) == key(one) { together.push(one) } else { open.push(one) }
        }
        group(&together);
        while let Some(&first) = open.first() {
            let first = key(first);
            let (same, rest): (Vec<u32>, Vec<u32>) = open.iter().partition(|&&one| key(one) == first);
            group(&same);
            open = rest;
        }
    }
    keyless
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key whose hash says nothing.
    #[derive(PartialEq, Eq)]
    struct Blind(u32);

    impl Hash for Blind {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            state.write_u32(self.0 / 10);
        }
    }

    #[test]
    fn members_meet_under_their_key_also_where_keys_share_a_hash() {
        let members = [3, 13, 4, 23, 14, 5, 33, 40, 24];
        let mut groups = Vec::new();
        let key = |one: u32| (one != 40).then_some(Blind(one % 10));
        let keyless = gather(&members, key, |group| groups.push(group.to_vec()));
        groups.sort();
        assert_eq!(groups, vec![vec![3, 13, 23, 33], vec![4, 14, 24], vec![5]]);
        assert_eq!(keyless, vec![40]);
    }
}
