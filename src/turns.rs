//! What differs, some of it at a time: a night on which every row differs takes no more memory than one on which few do.
//!
//! ```text
//!  residue by partition ─ turns that fit ─▶ fetch ─ lots of a turn ─▶ make ─▶ take
//!  and what earlier        each is read again        small enough      in      one after the other,
//!  nights left of it                                 for a cache       parallel  in order
//! ```
//!
//! No key is in two lots: what looks at one key only comes out the same in however many turns and lots.

use rayon::prelude::*;

use crate::agree::{self, Night, Residue, Scan, is_carried};
use crate::carry::pool::Pool;
use crate::error::Error;
use crate::pipeline::{at_once, side_by_side};
use crate::progress::Progress;

/// Records of a lot, at least: few enough for a cache, enough to be worth a task.
const LOT: usize = 1 << 11;

/// Where the records of a night are read again.
#[derive(Clone, Copy)]
pub(crate) struct Turns<'t> {
    /// The files.
    pub night: &'t Night<'t>,
    /// Their scan.
    pub scan: &'t Scan,
    /// Whether a side has a key more than once, of what agreed.
    pub repeated: [bool; 2],
    /// What the day before left, where there is one.
    pub pool: Option<&'t Pool<'t>>,
    /// As many records as are read at once.
    pub room: usize,
}

/// A record of an earlier night has its texts one by one, and takes as much memory as so many of tonight's.
const WEIGHT_OF_CARRIED: usize = 2;

impl Turns<'_> {
    /// Shows the records of some partitions lot by lot; `stage` is what is done to them.
    pub(crate) fn each_lot<T: Send>(
        &self,
        partitions: &[Vec<u64>],
        (stage, progress): (&'static str, &Progress),
        make: impl Fn(&Residue) -> Result<T, Error> + Sync,
        mut take: impl FnMut(T) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        for turn in in_groups(partitions, |records, more| records + more <= self.room) {
            let residues = self.fetch(turn, progress)?;
            progress.stage(stage, None);
            let made =
                |some: &[Residue]| -> Result<Vec<T>, Error> { some.par_iter().with_max_len(1).map(&make).collect() };
            let mut some = residues.chunks(at_once());
            let next = || some.next().map(made).transpose();
            side_by_side(next, |done| done.into_iter().try_for_each(&mut take))?;
        }
        Ok(())
    }

    /// The lots of a turn.
    fn fetch(&self, turn: &[Vec<u64>], progress: &Progress) -> Result<Vec<Residue>, Error> {
        let (places, lots) = lots(turn);
        let (carried, tonight) = places.split_at(places.partition_point(|&(place, _)| is_carried(place)));
        let mut residues =
            agree::fetch_lots(self.night, &self.scan.lines_before, tonight, lots, self.repeated, progress)?;
        let asked: Vec<u64> = carried.iter().map(|&(place, _)| place).collect();
        let found = self.pool.map(|pool| pool.fetch(&asked)).transpose()?.unwrap_or_default();
        for (one, &(_, lot)) in found.into_iter().zip(carried) {
            residues[lot as usize].bring([one]);
        }
        Ok(residues)
    }
}

/// What the records of some places weigh.
fn weight(places: &[u64]) -> usize {
    let carried = places.iter().filter(|&&place| is_carried(place)).count();
    places.len() - carried + carried * WEIGHT_OF_CARRIED
}

/// Partitions that come one after the other, in groups; `fits` says whether so many records take so many more.
fn in_groups(partitions: &[Vec<u64>], fits: impl Fn(usize, usize) -> bool) -> Vec<&[Vec<u64>]> {
    let mut groups = Vec::new();
    let (mut from, mut records) = (0, 0);
    for (at, places) in partitions.iter().enumerate() {
        let more = weight(places);
        if records > 0 && !fits(records, more) {
            groups.push(&partitions[from..at]);
            (from, records) = (at, 0);
        }
        records += more;
    }
    if records > 0 {
        groups.push(&partitions[from..]);
    }
    groups
}

/// The places of a turn in order, each with its lot, and how many lots there are.
fn lots(turn: &[Vec<u64>]) -> (Vec<(u64, u32)>, usize) {
    let groups = in_groups(turn, |records, _| records < LOT);
    let of_lot =
        |(lot, group): (u32, &&[Vec<u64>])| group.iter().flatten().map(move |&place| (place, lot)).collect::<Vec<_>>();
    let mut all: Vec<(u64, u32)> = (0..).zip(&groups).flat_map(of_lot).collect();
    all.par_sort_unstable();
    (all, groups.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_stay_whole_and_every_place_is_in_one_lot() {
        let of_tonight = |places: &[u64]| places.iter().map(|place| place + (1 << 32)).collect::<Vec<u64>>();
        let partitions = [&[9, 2][..], &[], &[7], &[1, 8, 3], &[4]].map(of_tonight);
        let sizes = |room: usize| -> Vec<usize> {
            let groups = in_groups(&partitions, |records, more| records + more <= room);
            groups.iter().map(|group| group.iter().map(Vec::len).sum()).collect()
        };
        assert_eq!((sizes(100), sizes(3), sizes(1)), (vec![7], vec![3, 3, 1], vec![2, 1, 3, 1]));
        assert!(in_groups(&[vec![], vec![]], |_, _| true).is_empty());
        // One of an earlier night takes more.
        assert_eq!((weight(&partitions[3]), weight(&[5, 1 << 32, 6]), weight(&[])), (3, 5, 0));
        // Two partitions that make a lot each, and one that is the rest.
        let large = |from: u64| of_tonight(&(0..LOT as u64).map(|one| one * 3 + from).collect::<Vec<u64>>());
        let few = of_tonight(&[2, 5]);
        let (places, count) = lots(&[large(1), large(0), few.clone()]);
        assert!(places.is_sorted());
        let of_lot = |lot: u32| places.iter().filter(|one| one.1 == lot).map(|one| one.0).collect::<Vec<u64>>();
        assert_eq!((0..3).map(of_lot).collect::<Vec<_>>(), vec![large(1), large(0), few]);
        assert_eq!((count, places.len()), (3, 2 * LOT + 2));
    }
}
