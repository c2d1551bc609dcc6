//! The rows of a picture: which tasks it shows, and how they are labelled.

use crate::record::printable::printable;
use crate::record::readers::tracks::Tracks;
use crate::record::recording::Recording;

/// A picture has at most this many rows.
pub(crate) const MOST_ROWS: usize = 40;

/// The rows of a picture.
pub(crate) struct Rows {
    /// The tracks that are shown, in the order of the rows.
    pub(crate) shown: Vec<usize>,
    /// The row of each track, if it is shown.
    pub(crate) of_tracks: Vec<Option<usize>>,
    /// How many tasks are not shown.
    pub(crate) more: usize,
}

impl Rows {
    /// Chooses the rows: all tasks, or the busiest ones.
    pub(crate) fn of(tracks: &Tracks) -> Self {
        let (shown, more) = tracks.busiest(MOST_ROWS);
        let mut of_tracks = vec![None; tracks.all.len()];
        for (row, &track) in shown.iter().enumerate() {
            of_tracks[track] = Some(row);
        }
        Rows { shown, of_tracks, more }
    }
}

/// Returns a task's number and name, such as "3 A"; without a name, it is the number alone. It has no more than `most`
/// characters of the name.
pub(crate) fn numbered(recording: &Recording, tracks: &Tracks, task: u64, most: usize) -> String {
    let name = tracks.names.name(task).map_or("", |name| recording.text(name));
    let name = printable(name).to_string();
    match name.char_indices().nth(most) {
        None if name.is_empty() => task.to_string(),
        None => format!("{task} {name}"),
        Some((end, _)) => format!("{task} {}…", &name[..end]),
    }
}
