//! Currencies and how many decimals they have.
//!
//! The table is ISO 4217 as published by its maintenance agency and is part of the program on
//! purpose: an exponent that changed with an update of a library would move every amount by a
//! factor of ten without a word.

use std::fmt;

/// A currency with the exponent under which this job keeps its amounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// The ISO 4217 currency of this code, or `None` for a code that the standard does not have.
    ///
    /// ```
    /// use tieout_kernel::currency::Currency;
    /// assert_eq!(Currency::iso("JPY").map(Currency::exponent), Some(0));
    /// assert_eq!(Currency::iso("RMB"), None);
    /// ```
    #[must_use]
    pub fn iso(code: &str) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        let exponent = exponent_of(code)?;
        Some(Self { code, exponent })
    }

    /// A currency outside the standard that a job declares, such as offshore yuan `CNH`.
    ///
    /// `None` unless the code is three capital letters and the exponent at most 6.
    #[must_use]
    pub fn declared(code: &str, exponent: u8) -> Option<Self> {
        let code: [u8; 3] = code.as_bytes().try_into().ok()?;
        (code.iter().all(u8::is_ascii_uppercase) && exponent <= 6).then_some(Self { code, exponent })
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("a currency code is ASCII by construction")
    }

    /// The three letters, as they stand.
    #[inline]
    #[must_use]
    pub const fn letters(self) -> [u8; 3] {
        self.code
    }

    /// The number of decimals between the major and the minor unit.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.exponent
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code(), self.exponent)
    }
}

const NO_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const TWO_DECIMALS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN \
    BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL \
    GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD \
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN \
    QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD \
    TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG";
const THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR_DECIMALS: &str = "CLF UYW";

fn exponent_of(code: [u8; 3]) -> Option<u8> {
    let within = |list: &str| list.as_bytes().chunks(4).any(|word| word.starts_with(&code));
    // The common case first: the two-decimal list is the longest, and CNY, USD and EUR are in it.
    match &code {
        b"CNY" | b"USD" | b"EUR" => Some(2),
        _ if within(TWO_DECIMALS) => Some(2),
        _ if within(NO_DECIMALS) => Some(0),
        _ if within(THREE_DECIMALS) => Some(3),
        _ if within(FOUR_DECIMALS) => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_table_is_found_with_its_exponent() {
        let lists = [(NO_DECIMALS, 0), (TWO_DECIMALS, 2), (THREE_DECIMALS, 3), (FOUR_DECIMALS, 4)];
        let mut count = 0;
        for (list, exponent) in lists {
            for code in list.split(' ') {
                assert_eq!(code.len(), 3, "{code}");
                assert_eq!(Currency::iso(code).map(Currency::exponent), Some(exponent), "{code}");
                count += 1;
            }
        }
        assert_eq!(
            count, 166,
            "all currencies of the standard that circulate, and BGN until its last statements are in"
        );
    }

    #[test]
    fn a_code_that_only_resembles_one_is_refused() {
        for code in ["cny", "RMB", "CN", "CNYX", "Y C", "   ", "ED ", ""] {
            assert_eq!(Currency::iso(code), None, "{code:?}");
        }
    }
}
