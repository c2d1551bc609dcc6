//! How texts of the recorded program are written into other languages, where they can end nothing and start nothing.

use std::fmt::{self, Write};

use crate::record::printable::printable;

/// Appends a text to JSON, in quotes.
pub(crate) fn push_json(to: &mut String, text: impl fmt::Display) {
    to.push('"');
    let start = to.len();
    let _ = write!(to, "{text}");
    // Most texts need no escapes, and there are millions.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if to.as_bytes()[start..].iter().all(is_plain) {
        to.push('"');
        return;
    }
    let text = printable_string(&to[start..]);
    to.truncate(start - 1);
    to.push_str(&serde_json::to_string(&text).unwrap_or_default());
}

/// Escapes a text for XML: as content, or in an attribute in double quotes.
pub(crate) fn xml(text: impl fmt::Display) -> String {
    let mut escaped = String::new();
    for character in printable_string(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // The only ones that XML has no way to write, once the control characters are escaped.
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Escapes a text for Mermaid: everything that might be a part of its syntax, or of HTML, becomes a character code.
pub(crate) fn mermaid(text: impl fmt::Display) -> String {
    let mut escaped = String::new();
    for character in printable_string(text).chars() {
        if character.is_alphanumeric() || " .,_-/()+".contains(character) {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "#{};", u32::from(character));
        }
    }
    escaped
}

/// Escapes a text for DOT, in double quotes.
pub(crate) fn dot(text: impl fmt::Display) -> String {
    format!("\"{}\"", printable_string(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn printable_string(text: impl fmt::Display) -> String {
    printable(&text.to_string()).to_string()
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::{dot, mermaid, push_json, xml};

    #[test]
    fn a_text_stays_a_text_in_every_language() {
        let hostile = "</text><script>\"'&\\;end#\n\u{202e}-->>é\u{ffff}";
        let escaped =
            "&lt;/text&gt;&lt;script&gt;&quot;&#39;&amp;\\;end#\\n\\u{202e}--&gt;&gt;é\u{fffd}";
        assert_eq!(xml(hostile), escaped);
        assert_eq!(
            mermaid(hostile),
            "#60;/text#62;#60;script#62;#34;#39;#38;#92;#59;end#35;#92;n#92;u#123;202e#125;--#62;#62;é#65535;"
        );
        let escaped = "\"</text><script>\\\"'&\\\\;end#\\\\n\\\\u{202e}-->>é\u{ffff}\"";
        assert_eq!(dot(hostile), escaped);
        let mut json = String::new();
        push_json(&mut json, hostile);
        assert_eq!(json, escaped);
    }
}
