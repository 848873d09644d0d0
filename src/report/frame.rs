//! Facts as a polars frame: texts to group by, figures to add up in 128 bits.

use polars::prelude::{
    Column, DataFrame, Int128Chunked, IntoColumn as _, NamedFrom as _, PolarsResult, Series, SortMultipleOptions,
};

/// Facts that are being collected: each has its texts and its figures. Many of them are added up now and then.
#[derive(Debug)]
pub struct Facts<const KEYS: usize, const FIGURES: usize> {
    keys: [Vec<String>; KEYS],
    figures: [Vec<i128>; FIGURES],
    count: usize,
    /// As many as are collected before they are added up.
    room: usize,
}

/// Facts that are always collected before they are added up.
const COLLECTED: usize = 1 << 16;

/// What the facts of one group come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<const KEYS: usize, const FIGURES: usize> {
    /// The texts they share.
    pub keys: [String; KEYS],
    /// Their figures, added up.
    pub figures: [i128; FIGURES],
}

impl<const KEYS: usize, const FIGURES: usize> Default for Facts<KEYS, FIGURES> {
    fn default() -> Self {
        let (keys, figures) = (std::array::from_fn(|_| Vec::new()), std::array::from_fn(|_| Vec::new()));
        Self { keys, figures, count: 0, room: COLLECTED }
    }
}

impl<const KEYS: usize, const FIGURES: usize> Facts<KEYS, FIGURES> {
    /// Adds a fact.
    pub fn push(&mut self, keys: [&str; KEYS], figures: [i128; FIGURES]) {
        for (column, key) in self.keys.iter_mut().zip(keys) {
            column.push(key.to_owned());
        }
        for (column, figure) in self.figures.iter_mut().zip(figures) {
            column.push(figure);
        }
        self.count += 1;
        if self.count >= self.room {
            let lines = std::mem::take(self).summed();
            // Where most of them are lines of their own, they are seldom added up again.
            self.room = COLLECTED.max(lines.len() * 2);
            lines.iter().for_each(|line| self.push(line.keys.each_ref().map(String::as_str), line.figures));
        }
    }

    /// The figures of facts that share all texts, in order of the texts.
    #[must_use]
    pub fn summed(self) -> Vec<Line<KEYS, FIGURES>> {
        if self.count == 0 {
            return Vec::new();
        }
        self.grouped().expect("a frame of texts and figures can be grouped and summed")
    }

    fn grouped(self) -> PolarsResult<Vec<Line<KEYS, FIGURES>>> {
        let names = |prefix: &str, count: usize| (0..count).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
        let (keys, figures) = (names("k", KEYS), names("f", FIGURES));
        let mut columns: Vec<Column> = Vec::with_capacity(KEYS + FIGURES);
        for (name, texts) in keys.iter().zip(self.keys) {
            columns.push(Series::new(name.as_str().into(), texts).into_column());
        }
        for (name, values) in figures.iter().zip(self.figures) {
            columns.push(Int128Chunked::from_vec(name.as_str().into(), values).into_column());
        }
        let frame = DataFrame::new_infer_height(columns)?;
        #[expect(deprecated, reason = "the lazy engine that replaces it doubles the build for one sum")]
        let summed = frame.group_by_stable(keys.iter())?.select(figures.iter().map(String::as_str)).sum()?;
        let sorted = summed.sort(keys.iter(), SortMultipleOptions::default())?;
        (0..sorted.height())
            .map(|row| {
                let mut line = Line { keys: std::array::from_fn(|_| String::new()), figures: [0; FIGURES] };
                for (at, key) in line.keys.iter_mut().enumerate() {
                    sorted.columns()[at].str()?.get(row).unwrap_or_default().clone_into(key);
                }
                for (at, figure) in line.figures.iter_mut().enumerate() {
                    *figure = sorted.columns()[KEYS + at].i128()?.get(row).unwrap_or_default();
                }
                Ok(line)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_wider_than_any_amount_and_lines_are_in_order() {
        let mut facts = Facts::<2, 2>::default();
        let large = i128::from(i64::MAX);
        facts.push(["b", "x"], [1, large]);
        facts.push(["a", "y"], [1, -5]);
        facts.push(["b", "x"], [1, large]);
        let line = |a: &str, b: &str, figures| Line { keys: [a.to_owned(), b.to_owned()], figures };
        assert_eq!(facts.summed(), vec![line("a", "y", [1, -5]), line("b", "x", [2, 2 * large])]);
        assert!(Facts::<1, 1>::default().summed().is_empty());
    }

    #[test]
    fn many_facts_come_to_the_same_as_few() {
        for lines in [1_usize, 7, COLLECTED, 3 * COLLECTED / 2] {
            let mut facts = Facts::<1, 1>::default();
            (0..4 * COLLECTED).for_each(|fact| facts.push([&format!("{:09}", fact % lines)], [1]));
            let summed = facts.summed();
            assert!(summed.is_sorted_by(|a, b| a.keys < b.keys));
            let count = |line: &Line<1, 1>| {
                let number: usize = line.keys[0].parse().unwrap();
                (4 * COLLECTED - number).div_ceil(lines) as i128
            };
            assert!(summed.len() == lines && summed.iter().all(|line| line.figures[0] == count(line)), "{lines}");
        }
    }
}
