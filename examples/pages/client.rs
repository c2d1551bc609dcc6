//! A small blocking client: one `GET` of HTTP/1.1 per connection.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

/// The longest answer that is read, in bytes, headers included.
const LONGEST: u64 = 1 << 20;

/// Fetches pages, and blocks the thread while it does.
///
/// It has neither DNS nor TLS: every host is requested from one address, over plain HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    /// How long to wait for a connection, and then for each read and write.
    patience: Duration,
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) content: String,
}

/// Why there is no page. A page with a status other than 200 is not an error.
#[derive(Debug, Error)]
pub(crate) enum GetError {
    #[error("connection refused")]
    Refused,
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
}

impl Client {
    pub(crate) fn new(address: SocketAddr, patience: Duration) -> Self {
        Client { address, patience }
    }

    pub(crate) fn get(&self, url: &str) -> Result<Page, GetError> {
        let answer = self.send_request(url).map_err(|error| self.explain(error))?;
        read_page(BufReader::new(answer.take(LONGEST))).map_err(|error| match error {
            GetError::Broken(error) => self.explain(error),
            other => other,
        })
    }

    /// Sends the request, and returns the stream to read the answer from.
    fn send_request(&self, url: &str) -> io::Result<TcpStream> {
        let (_scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");

        let mut stream = TcpStream::connect_timeout(&self.address, self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        // In one write: a packet that follows a small one waits for its acknowledgment, which may take 40 ms.
        stream.write_all(request.as_bytes())?;
        Ok(stream)
    }

    fn explain(&self, error: io::Error) -> GetError {
        match error.kind() {
            ErrorKind::ConnectionRefused => GetError::Refused,
            // Reads and writes time out with the first on Unix; on Windows, and when connecting, it is the second.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => GetError::NoAnswer(self.patience),
            ErrorKind::InvalidData => GetError::Malformed("not UTF-8"),
            _ => GetError::Broken(error),
        }
    }
}

fn read_page(mut answer: impl BufRead) -> Result<Page, GetError> {
    let first = read_line(&mut answer)?;
    let status = status(&first).ok_or(GetError::Malformed("no status"))?;
    let mut length = None;
    loop {
        let header = read_line(&mut answer)?;
        if header.is_empty() {
            break;
        }
        let colon = GetError::Malformed("a header without a colon");
        let (name, value) = header.split_once(':').ok_or(colon)?;
        if name.eq_ignore_ascii_case("Content-Length") {
            length = value.trim().parse().ok();
        }
    }
    let length = length.ok_or(GetError::Malformed("no length"))?;

    let mut content = String::new();
    let read = answer.take(length).read_to_string(&mut content).map_err(GetError::Broken)?;
    if (read as u64) < length {
        return Err(CUT_OFF);
    }
    Ok(Page { status, content })
}

const CUT_OFF: GetError = GetError::Malformed("truncated");

/// Parses the status in a line like `HTTP/1.1 200 OK`.
fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

/// Reads a line, and returns it without the line ending.
fn read_line(answer: &mut impl BufRead) -> Result<String, GetError> {
    let mut line = String::new();
    answer.read_line(&mut line).map_err(GetError::Broken)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end_matches('\r').to_owned()),
        None => Err(CUT_OFF),
    }
}
