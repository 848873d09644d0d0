//! Text and typed numbers to money, exactly.

use tieout_kernel::currency::Currency;
use tieout_kernel::money::Minor;

use crate::formats::Span;
use crate::reject::RejectReason;

/// A decimal number exactly as it was written: `digits × 10^-scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    /// All digits, signed.
    pub digits: i128,
    /// How many of them stand after the decimal mark.
    pub scale: u8,
}

/// How a source writes numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notation {
    /// Between whole and part.
    pub decimal: u8,
    /// Between groups of three digits, if any.
    pub thousands: Option<u8>,
}

impl Default for Notation {
    /// `1234.56`
    fn default() -> Self {
        Self { decimal: b'.', thousands: None }
    }
}

/// What to do with digits finer than the currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rounding {
    /// Refuse them.
    #[default]
    Refuse,
    /// Round, a half away from zero.
    HalfUp,
}

/// The unit a column is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Yuan, dollars.
    Major,
    /// Fen, cents.
    Minor,
}

/// More digits than this are no amount.
const DIGITS_MAX: u32 = 30;

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self { digits: 0, scale: 0 };

    /// Reads a number; the whole text must be one.
    #[inline]
    pub fn parse(text: &str, notation: Notation) -> Result<Self, RejectReason> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            all => (false, all),
        };
        // Eighteen digits fit an i64, and nearly all amounts are shorter.
        if bytes.len() <= 18 && notation.thousands.is_none() {
            let (mut value, mut scale, mut after, mut count) = (0_i64, 0_u8, false, 0);
            for &byte in bytes {
                if byte.is_ascii_digit() {
                    value = value * 10 + i64::from(byte - b'0');
                    scale += u8::from(after);
                    count += 1;
                } else if byte == notation.decimal && !after {
                    after = true;
                } else {
                    return Err(RejectReason::NotANumber);
                }
            }
            if count == 0 {
                return Err(RejectReason::NotANumber);
            }
            return Ok(Self { digits: i128::from(if negative { -value } else { value }), scale });
        }
        Self::parse_long(bytes, negative, notation)
    }

    fn parse_long(bytes: &[u8], negative: bool, notation: Notation) -> Result<Self, RejectReason> {
        let mut parts = bytes.split(|&byte| byte == notation.decimal);
        let whole = parts.next().unwrap_or_default();
        let part = parts.next().unwrap_or_default();
        if parts.next().is_some() {
            return Err(RejectReason::NotANumber);
        }
        let groups: Vec<&[u8]> = match notation.thousands {
            Some(mark) => whole.split(|&byte| byte == mark).collect(),
            None => vec![whole],
        };
        let grouped = groups.len() > 1;
        let well_grouped = !grouped || (groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
        let digits: Vec<u8> = groups.concat().into_iter().chain(part.iter().copied()).collect();
        if digits.is_empty() || !well_grouped || !digits.iter().all(u8::is_ascii_digit) {
            return Err(RejectReason::NotANumber);
        }
        let significant = digits.iter().skip_while(|&&byte| byte == b'0').count();
        if significant > DIGITS_MAX as usize || part.len() > DIGITS_MAX as usize {
            return Err(RejectReason::TooLarge);
        }
        let value = digits.iter().fold(0_i128, |value, &byte| value * 10 + i128::from(byte - b'0'));
        let scale = u8::try_from(part.len()).map_err(|_| RejectReason::TooLarge)?;
        Ok(Self { digits: if negative { -value } else { value }, scale })
    }

    /// The amount in minor units of a currency.
    pub fn to_minor(self, unit: Unit, currency: Currency, rounding: Rounding) -> Result<Minor, RejectReason> {
        let exponent = match unit {
            Unit::Major => currency.exponent(),
            Unit::Minor => 0,
        };
        let too_precise = RejectReason::TooPrecise { decimals: currency.exponent() };
        let units = self.at_scale(exponent, rounding).ok_or(too_precise)?;
        i64::try_from(units).ok().and_then(Minor::new).ok_or(RejectReason::TooLarge)
    }

    /// The digits at another scale; `None` when some would be lost and may not be.
    #[must_use]
    pub fn at_scale(self, scale: u8, rounding: Rounding) -> Option<i128> {
        if self.scale == scale {
            return Some(self.digits);
        }
        if self.scale <= scale {
            // Both factors are bounded: at most 30 digits times at most 10⁸.
            return self.digits.checked_mul(power(scale - self.scale));
        }
        let divisor = power(self.scale - scale);
        let (quotient, rest) = (self.digits / divisor, self.digits % divisor);
        match rounding {
            _ if rest == 0 => Some(quotient),
            Rounding::Refuse => None,
            Rounding::HalfUp if rest.abs() * 2 >= divisor => Some(quotient + self.digits.signum()),
            Rounding::HalfUp => Some(quotient),
        }
    }

    /// The sum, exactly.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let scale = self.scale.max(other.scale);
        let at = |one: Self| one.digits.saturating_mul(power(scale - one.scale));
        Self { digits: at(self).saturating_add(at(other)), scale }
    }

    /// With the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { digits: -self.digits, scale: self.scale }
    }

    /// Without a sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self { digits: self.digits.abs(), scale: self.scale }
    }

    /// Whether two numbers are equal, whatever their scale.
    #[must_use]
    pub fn same(self, other: Self) -> bool {
        self.plus(other.negated()).digits == 0
    }
}

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&decimal_text(self.digits, self.scale))
    }
}

/// An amount in hundredths as most cells have it, up to eight digits, a point and two more, read in one go: 1 to 8 bytes
/// cost the same. `None` for any other text, a number or not, and where fewer than eight bytes stand before the point.
#[inline]
pub(super) fn hundredths(text: &[u8], cell: Span) -> Option<i64> {
    const DIGITS: usize = 8;
    let digit = |byte: u8| Some(byte.wrapping_sub(b'0')).filter(|&digit| digit <= 9);
    let (first, end) = (cell.start as usize, cell.end as usize);
    let point = end.checked_sub(3).filter(|&point| point > first)?;
    let (is_negative, &[b'.', tens, ones]) = (text[first] == b'-', text.get(point..end)?) else { return None };
    let count = point - first - usize::from(is_negative);
    if count == 0 || count > DIGITS {
        return None;
    }
    // The first byte is the lowest; what stands before the number counts as zeros.
    let before = 64 - 8 * count;
    let bytes = text.get(point.checked_sub(DIGITS)?..point)?.try_into().ok()?;
    let digits = ((u64::from_le_bytes(bytes) ^ u64::from_le_bytes([b'0'; DIGITS])) >> before) << before;
    // The top bit of a byte that is above nine; or of one beside it, which is then read the long way.
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let twos = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    let whole = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    let amount = whole.cast_signed() * 100 + i64::from(digit(tens)?) * 10 + i64::from(digit(ones)?);
    Some(if is_negative { -amount } else { amount })
}

/// An integer with a decimal mark `scale` digits from its end.
#[must_use]
pub fn decimal_text(units: i128, scale: u8) -> String {
    let mut text = String::new();
    push_decimal(&mut text, units, scale);
    text
}

/// Adds [`decimal_text`] to a text.
pub fn push_decimal(text: &mut String, units: i128, scale: u8) {
    let digits = units.unsigned_abs();
    if units < 0 {
        text.push('-');
    }
    if scale == 0 {
        text.push_str(itoa::Buffer::new().format(digits));
        return;
    }
    // One digit before the decimals keeps the zeros in front. Dividing 128 bits takes many times as long as 64.
    match (u64::try_from(digits), 10_u64.checked_pow(scale.into())) {
        (Ok(digits), Some(one)) if one <= u64::MAX / 2 => {
            text.push_str(itoa::Buffer::new().format(digits / one));
            text.push('.');
            text.push_str(&itoa::Buffer::new().format(one + digits % one)[1..]);
        }
        _ => {
            let one = 10_u128.pow(scale.into());
            text.push_str(itoa::Buffer::new().format(digits / one));
            text.push('.');
            text.push_str(&itoa::Buffer::new().format(one + digits % one)[1..]);
        }
    }
}

/// Ten to every power that fits 128 bits; looked up because this runs for every amount.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

fn power(exponent: u8) -> i128 {
    POWERS[usize::from(exponent)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<i64, RejectReason> {
        let currency = Currency::iso("CNY").unwrap();
        Exact::parse(text, Notation::default())
            .and_then(|exact| exact.to_minor(Unit::Major, currency, Rounding::Refuse))
            .map(Minor::get)
    }

    #[test]
    fn amounts_are_read_to_the_last_fen() {
        for (text, minor) in
            [("0.29", 29), ("0.57", 57), ("1.13", 113), ("-0.01", -1), ("+5", 500), ("7.", 700), (".5", 50)]
        {
            assert_eq!(read(text), Ok(minor), "{text}");
        }
        // Every amount that `double × 100` truncates one fen low, and every other one below 1000.
        for fen in 1..100_000 {
            assert_eq!(read(&decimal_text(fen, 2)), Ok(i64::try_from(fen).unwrap()));
        }
    }

    #[test]
    fn what_is_no_amount_says_why() {
        for text in ["", "-", ".", "1.2.3", "1,234.00", "12a", "１２", "1e5", "NaN", "--1", "1 000", "1.234,5O"] {
            assert_eq!(read(text), Err(RejectReason::NotANumber), "{text:?}");
        }
        assert_eq!(read("10.005"), Err(RejectReason::TooPrecise { decimals: 2 }));
        assert_eq!(read("10.0050000"), Err(RejectReason::TooPrecise { decimals: 2 }));
        assert_eq!(read("10.0500000"), Ok(1005));
        assert_eq!(read("12345678901234567.00"), Err(RejectReason::TooLarge));
        assert_eq!(read(&"9".repeat(40)), Err(RejectReason::TooLarge));
        assert_eq!(read(&format!("{}1", "0".repeat(40))), Ok(100));
    }

    #[test]
    fn notations_and_currencies_change_the_reading() {
        let german = Notation { decimal: b',', thousands: Some(b'.') };
        let euro = Currency::iso("EUR").unwrap();
        let read =
            |text| Exact::parse(text, german).and_then(|exact| exact.to_minor(Unit::Major, euro, Rounding::Refuse));
        assert_eq!(read("1.234,50").map(Minor::get), Ok(123_450));
        assert_eq!(read("12.34,50"), Err(RejectReason::NotANumber));
        let yen = Currency::iso("JPY").unwrap();
        let yen_of = |text| {
            Exact::parse(text, Notation::default()).and_then(|exact| exact.to_minor(Unit::Major, yen, Rounding::Refuse))
        };
        assert_eq!(yen_of("100.00").map(Minor::get), Ok(100));
        assert_eq!(yen_of("100.50"), Err(RejectReason::TooPrecise { decimals: 0 }));
    }

    #[test]
    fn finer_fees_round_only_where_declared() {
        let currency = Currency::iso("CNY").unwrap();
        let round = |text: &str| {
            let exact = Exact::parse(text, Notation::default()).unwrap();
            exact.to_minor(Unit::Major, currency, Rounding::HalfUp).unwrap().get()
        };
        for (text, minor) in
            [("0.04000", 4), ("0.03600", 4), ("0.03500", 4), ("0.03499", 3), ("-0.03500", -4), ("-0.03499", -3)]
        {
            assert_eq!(round(text), minor, "{text}");
        }
    }

    #[test]
    fn decimals_of_any_size_are_written_alike() {
        let large = [i64::MAX.into(), u64::MAX.into(), i128::from(u64::MAX) + 1, i128::MAX, i128::MIN, -(1 << 70)];
        for units in (-20_001..20_001).step_by(7).chain([0, 1, -1, 99, 100, 9_999, 10_000]).chain(large) {
            for scale in [0, 1, 2, 4, 8, 18, 19, 20, 38] {
                let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
                let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
                let mark = if scale == 0 { "" } else { "." };
                let sign = if units < 0 { "-" } else { "" };
                assert_eq!(decimal_text(units, scale), format!("{sign}{whole}{mark}{part}"));
            }
        }
    }

    /// What [`hundredths`] makes of a text between others.
    fn in_hundredths(before: &str, text: &str) -> Option<i64> {
        let at = |place: usize| u32::try_from(place).unwrap();
        let cell = Span { start: at(before.len()), end: at(before.len() + text.len()) };
        hundredths(format!("{before}{text},1234.56\n").as_bytes(), cell)
    }

    #[test]
    fn plain_amounts_are_read_in_one_go() {
        let before = "a row,9,";
        for (text, amount) in [
            ("0.00", 0),
            ("-0.01", -1),
            ("1.13", 113),
            ("-12.30", -1230),
            ("123456.78", 12_345_678),
            ("99999999.99", 9_999_999_999),
            ("-99999999.99", -9_999_999_999),
            ("00000001.00", 100),
        ] {
            assert_eq!(in_hundredths(before, text), Some(amount), "{text}");
        }
        for text in
            ["", ".50", "-.50", "+1.00", "1", "1.5", "1.234", "1,00", "123456789.00", "1a.00", "-", "1.0x", "１.00"]
        {
            assert_eq!(in_hundredths(before, text), None, "{text}");
        }
        assert_eq!(in_hundredths("", "1.13"), None, "nothing before it to read along");
        assert_eq!(hundredths(b"12345678901.00", Span::ABSENT), None);
    }

    proptest! {
        #[test]
        fn what_is_read_in_one_go_is_what_is_read_digit_by_digit(
            before in "[0-9a-z,.-]{0,12}", text in "-?[0-9]{0,9}[.,:/a-]?[0-9:]{0,3}"
        ) {
            if let Some(amount) = in_hundredths(&before, &text) {
                prop_assert_eq!(read(&text), Ok(amount));
            }
        }

        #[test]
        fn text_to_money_to_text_is_the_identity(minor in -Minor::LIMIT..=Minor::LIMIT) {
            let text = decimal_text(i128::from(minor), 2);
            prop_assert_eq!(read(&text), Ok(minor));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = read(&text);
            let _ = Exact::parse(&text, Notation { decimal: b',', thousands: Some(b'.') });
        }
    }
}
