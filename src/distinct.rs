//! Values that many rows share, each kept once under a number.

use std::collections::HashMap;
use std::hash::Hash;

/// Distinct values in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Distinct<T> {
    numbers: HashMap<T, u32>,
    /// The values by their numbers.
    pub(crate) list: Vec<T>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), list: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    /// The number of a value, which is new or not.
    pub(crate) fn number(&mut self, one: T) -> u32 {
        let next = u32::try_from(self.list.len()).expect("there are fewer than 2³² values that rows share");
        *self.numbers.entry(one).or_insert_with_key(|one| {
            self.list.push(one.clone());
            next
        })
    }

    /// The numbers of the values of another list, in its order.
    pub(crate) fn numbers_of(&mut self, more: &Self) -> Vec<u32> {
        more.list.iter().map(|one| self.number(one.clone())).collect()
    }
}
