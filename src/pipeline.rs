//! Making and taking side by side.

/// Takes what comes one after the other: while one is taken the next is made.
pub(crate) fn side_by_side<T: Send, E: Send>(
    mut make: impl FnMut() -> Result<Option<T>, E> + Send,
    mut take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    let mut waiting = make()?;
    while let Some(one) = waiting {
        let (taken, next) = rayon::join(|| take(one), &mut make);
        taken?;
        waiting = next?;
    }
    Ok(())
}

/// Pieces of work that are made at once: one for each thread, and one to take beside one to make.
pub(crate) fn at_once() -> usize {
    rayon::current_num_threads().max(2)
}
