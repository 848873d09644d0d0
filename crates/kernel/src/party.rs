//! Whether two account numbers can be the same, when either may be masked.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::record::Kind;

/// What the fast path knows of the other party of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// Not compared, or the record names nobody.
    Nobody,
    /// A number that is visible as a whole, as a hash.
    Whole(u64),
    /// A number that is partly hidden: equal to none by its text alone.
    Masked,
}

impl Party {
    /// What is known of a number as it is printed.
    #[must_use]
    pub fn of(text: Option<&str>, seed: u64) -> Self {
        let Some(text) = text else { return Self::Nobody };
        let visible = visible(text);
        if visible.contains(&'*') {
            return Self::Masked;
        }
        Self::Whole(xxh3_64_with_seed(visible.into_iter().collect::<String>().as_bytes(), seed))
    }
}

/// Whether it matters who got the money of this kind: who paid us does not.
#[must_use]
pub const fn is_beneficiary(kind: Kind) -> bool {
    matches!(kind, Kind::Payout | Kind::Refund)
}

/// `false` only when something visible on both sides differs.
///
/// Spaces and hyphens do not count, nor does the case of Latin letters. Asterisks hide: what stands
/// before the first and after the last of them is compared as far as both sides show it.
///
/// ```
/// use tieout_kernel::party::may_be_same;
/// assert!(may_be_same("6222 **** 1234", "6222021234561234"));
/// assert!(!may_be_same("6222****1234", "6222021234569999"));
/// assert!(!may_be_same("6222021234561234", "6222021234561235"));
/// ```
#[must_use]
pub fn may_be_same(one: &str, other: &str) -> bool {
    let (one, other) = (visible(one), visible(other));
    let masked = |text: &[char]| text.contains(&'*');
    if !masked(&one) && !masked(&other) {
        return one == other;
    }
    let start = |text: &[char]| text.iter().position(|&c| c == '*').unwrap_or(text.len());
    let end = |text: &[char]| text.iter().rev().position(|&c| c == '*').unwrap_or(text.len());
    let shared_start = start(&one).min(start(&other));
    let shared_end = end(&one).min(end(&other));
    one[..shared_start] == other[..shared_start] && one[one.len() - shared_end..] == other[other.len() - shared_end..]
}

/// The hash of a number without what does not count in it, so that one account has one.
pub(crate) fn party_hash(text: &str) -> u128 {
    xxh3_128(visible(text).into_iter().collect::<String>().as_bytes())
}

fn visible(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| if matches!(c, '＊' | '•' | '●') { '*' } else { c.to_ascii_lowercase() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::may_be_same;

    #[test]
    fn two_masks_compare_what_both_show() {
        assert!(may_be_same("622202****1234", "6222****1234"));
        assert!(!may_be_same("622202****1234", "6223****1234"));
        assert!(may_be_same("*津水(602***@qq.com)", "*津水(602***@QQ.com)"));
        assert!(!may_be_same("602***@qq.com", "602***@163.com"));
    }

    #[test]
    fn a_mask_without_visible_digits_excludes_nobody() {
        assert!(may_be_same("****", "6222021234561234"));
    }
}
