//! The tokens of a source text: identifiers, `::` and single characters, without comments and the content of strings.

/// The token for a string or character literal.
const LITERAL: &str = "\"";

pub(crate) type Tokens = Vec<String>;

pub(crate) fn tokens(text: &str) -> Tokens {
    let mut reader = Reader { text: text.chars().collect(), at: 0, tokens: Vec::new() };
    while reader.at < reader.text.len() {
        reader.next_token();
    }
    reader.tokens
}

/// The index after the bracket that closes the one at `open`.
pub(crate) fn after(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

pub(crate) fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct Reader {
    text: Vec<char>,
    at: usize,
    tokens: Tokens,
}

impl Reader {
    fn next_token(&mut self) {
        match self.ahead(0) {
            c if c.is_whitespace() => self.at += 1,
            '/' if self.ahead(1) == '/' => self.skip_line(),
            '/' if self.ahead(1) == '*' => self.skip_block(),
            '"' => self.string(),
            '\'' => self.character_or_lifetime(),
            c if c.is_alphanumeric() || c == '_' => self.word(),
            ':' if self.ahead(1) == ':' => self.push("::", 2),
            c => self.push(&c.to_string(), 1),
        }
    }

    /// The character this far ahead; a space after the end.
    fn ahead(&self, by: usize) -> char {
        self.text.get(self.at + by).copied().unwrap_or(' ')
    }

    fn push(&mut self, token: &str, length: usize) {
        self.tokens.push(token.to_owned());
        self.at += length;
    }

    fn skip_line(&mut self) {
        while self.at < self.text.len() && self.ahead(0) != '\n' {
            self.at += 1;
        }
    }

    fn skip_block(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            match (self.ahead(0), self.ahead(1)) {
                ('/', '*') => (depth, self.at) = (depth + 1, self.at + 2),
                ('*', '/') => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.push(LITERAL, 1);
        while self.at < self.text.len() && self.ahead(0) != '"' {
            self.at += if self.ahead(0) == '\\' { 2 } else { 1 };
        }
        self.at += 1;
    }

    /// A string without escapes. It ends at a quote that is followed by as many `#` as its start has.
    fn raw_string(&mut self) {
        let mut hashes = 0;
        while self.ahead(0) == '#' {
            (hashes, self.at) = (hashes + 1, self.at + 1);
        }
        self.push(LITERAL, 1);
        let is_end = |reader: &Self| {
            reader.ahead(0) == '"' && (1..=hashes).all(|by| reader.ahead(by) == '#')
        };
        while self.at < self.text.len() && !is_end(self) {
            self.at += 1;
        }
        self.at += 1 + hashes;
    }

    fn character_or_lifetime(&mut self) {
        if self.ahead(1) == '\\' {
            self.push(LITERAL, 3);
            while self.at < self.text.len() && self.ahead(0) != '\'' {
                self.at += 1;
            }
            self.at += 1;
        } else if self.ahead(2) == '\'' {
            self.push(LITERAL, 3);
        } else {
            // A lifetime is not needed: its name is read as a word and removed.
            self.at += 1;
            self.word();
            self.tokens.pop();
        }
    }

    fn word(&mut self) {
        let start = self.at;
        while self.ahead(0).is_alphanumeric() || self.ahead(0) == '_' {
            self.at += 1;
        }
        let word: String = self.text[start..self.at].iter().collect();
        let is_raw = self.ahead(0) == '"' || self.ahead(0) == '#' && "\"#".contains(self.ahead(1));
        match word.as_str() {
            "r" | "br" | "cr" if is_raw => self.raw_string(),
            "r" if self.ahead(0) == '#' => self.at += 1,
            // The prefix of a literal; the quote is read next.
            "b" | "c" if matches!(self.ahead(0), '"' | '\'') => {}
            _ => self.tokens.push(word),
        }
    }
}
