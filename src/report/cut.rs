//! Text from user code in reports, cut so that one long name cannot fill all lines.

use std::fmt::{self, Write};

/// How many characters of a name or a reason are printed.
const SHOWN: usize = 100;

/// Text of which only the beginning is printed if it is long; its `Debug` adds quotes.
pub(crate) struct Cut<'a>(pub(crate) &'a str);

impl Cut<'_> {
    /// Returns what is printed of it, and whether that is not all.
    fn parts(&self) -> (&str, bool) {
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => (&self.0[..end], true),
            None => (self.0, false),
        }
    }
}

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, is_cut) = self.parts();
        f.write_str(shown)?;
        if is_cut { f.write_char('…') } else { Ok(()) }
    }
}

impl fmt::Debug for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, is_cut) = self.parts();
        if !is_cut {
            return write!(f, "{shown:?}");
        }
        let quoted = format!("{shown:?}");
        write!(f, "{}…\"", quoted.strip_suffix('"').unwrap_or(&quoted))
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_more_than_a_hundred_characters_is_cut_wherever_its_characters_begin() {
        let (short, long) = ("ü".repeat(100), "ü".repeat(101));
        assert_eq!(Cut(&short).to_string(), short);
        assert_eq!(Cut(&long).to_string(), format!("{short}…"));
        assert_eq!(format!("{:?}", Cut("a\"b")), "\"a\\\"b\"");
        assert_eq!(format!("{:?}", Cut(&long)), format!("\"{short}…\""));
    }
}
