//! How texts and times are printed: no control character of the recorded program reaches a terminal.

use std::fmt::{self, Write};
use std::time::Duration;

/// Prints a text with its control characters escaped, and with those that change the direction of writing, which could
/// make the words around it read differently.
pub(crate) fn printable(text: &str) -> impl fmt::Display + '_ {
    Printable(text)
}

struct Printable<'t>(&'t str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_hidden(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

fn is_hidden(character: char) -> bool {
    let is_mark = matches!(
        character,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    );
    character.is_control() || is_mark
}

/// Prints a text in quotes.
pub(crate) fn quoted(text: &str) -> impl fmt::Display + '_ {
    Quoted(text)
}

struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Printable(self.0))
    }
}

/// Returns a time in nanoseconds; `u64::MAX`, which is never, for one after 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Prints a number of nanoseconds in the largest unit of which there is at least one: `150 ms`, `2.5 s`.
pub(crate) fn span(nanoseconds: u64) -> impl fmt::Display {
    Span(nanoseconds)
}

struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
        let Some((unit, name)) = units.into_iter().find(|(unit, _)| self.0 >= *unit) else {
            return write!(f, "{} ns", self.0);
        };
        let thousandths = self.0 % unit / (unit / 1000);
        write!(f, "{}", self.0 / unit)?;
        if thousandths > 0 {
            write!(f, ".{}", format!("{thousandths:03}").trim_end_matches('0'))?;
        }
        write!(f, " {name}")
    }
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::{printable, quoted, span};

    #[test]
    fn texts_cannot_control_a_terminal_or_turn_the_words_around_them() {
        let text = "a\u{1b}[2J\nb\u{202e}c\u{2028}é „ü“ 漢 'x'";
        let printed = "a\\u{1b}[2J\\nb\\u{202e}c\\u{2028}é „ü“ 漢 'x'";
        assert_eq!(printable(text).to_string(), printed);
        assert_eq!(quoted("a\tb").to_string(), "\"a\\tb\"");
    }

    #[test]
    fn spans_are_in_the_largest_unit() {
        let spans = [0, 999, 1_000, 1_500_000, 60_000_000, 1_000_000_001, u64::MAX];
        let texts = spans.map(|nanoseconds| span(nanoseconds).to_string());
        let expected = ["0 ns", "999 ns", "1 µs", "1.5 ms", "60 ms", "1 s", "18446744073.709 s"];
        assert_eq!(texts, expected);
    }
}
