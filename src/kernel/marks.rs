//! The marks of a task: what is to be known of it beside what it is doing, and is looked at in one byte.

/// Marks that a slot may carry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks(u8);

impl Marks {
    /// To be dropped at its next turn.
    pub(crate) const ABORT: Marks = Marks(1);
    /// Nobody will ask for the output.
    pub(crate) const DETACHED: Marks = Marks(2);
    /// The root of a `block_on`: its future lives in the caller's frame.
    pub(crate) const MAIN: Marks = Marks(4);
    /// It has an entry among [rare](crate::kernel::taskmap::Rare) things.
    pub(crate) const RARE: Marks = Marks(8);
    /// There is a request on its root region, to be looked at after each turn.
    pub(crate) const ASKED: Marks = Marks(16);
    /// It has inherited something, which is set during its turns.
    pub(crate) const HEIR: Marks = Marks(32);
    /// The child of a scope: its future lives there, and there it has its turns.
    pub(crate) const HOSTED: Marks = Marks(64);

    pub(crate) fn has(self, mark: Marks) -> bool {
        self.has_any([mark])
    }

    pub(crate) fn has_any<const N: usize>(self, marks: [Marks; N]) -> bool {
        let union = marks.iter().fold(0, |union, mark| union | mark.0);
        self.0 & union != 0
    }

    pub(crate) fn set(&mut self, mark: Marks) {
        self.0 |= mark.0;
    }

    pub(crate) fn clear(&mut self, mark: Marks) {
        self.0 &= !mark.0;
    }
}
