//! A small HTTP server on 127.0.0.1: a thread for each connection, which answers after a while. It stands in for the
//! sites of the course.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Serves a site until it is dropped; then all its threads have ended, and connections are refused.
pub(crate) struct Server {
    address: SocketAddr,
    desk: Arc<Desk>,
    /// `None` while it is dropped.
    listening: Option<JoinHandle<()>>,
}

/// What is served for a host and a path.
pub(crate) enum Reply {
    /// Status and content.
    Page(u16, String),
    /// Something that is not HTTP.
    Words(&'static str),
    /// Nothing, until the client has enough.
    Silence,
}

/// What the threads share.
#[derive(Default)]
struct Desk {
    is_closing: AtomicBool,
    /// Connections that have no answer yet.
    waiting: AtomicUsize,
    most_waiting: AtomicUsize,
}

/// No client may be silent for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

impl Server {
    /// Serves what `site` says, so long after it was asked.
    pub(crate) fn start<S>(site: S) -> io::Result<Self>
    where
        S: Fn(&str, &str) -> (Duration, Reply) + Send + Sync + 'static,
    {
        // From here on connections are accepted, by the system: they wait in a queue for the thread.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let desk = Arc::<Desk>::default();
        let shared = Arc::clone(&desk);
        let listening = thread::spawn(move || listen(&listener, &site, &shared));
        Ok(Server { address, desk, listening: Some(listening) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have waited for an answer at once, when there were most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.desk.most_waiting.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.desk.is_closing.store(true, Ordering::SeqCst);
        // The thread waits for a connection: here is one. If there can be none, it is left to the end of the program.
        let woken = TcpStream::connect(self.address).is_ok();
        if let (true, Some(listening)) = (woken, self.listening.take()) {
            let _ = listening.join(); // A panic of a site was printed when it happened.
        }
    }
}

fn listen(
    listener: &TcpListener,
    site: &(impl Fn(&str, &str) -> (Duration, Reply) + Sync),
    desk: &Desk,
) {
    thread::scope(|threads| {
        for stream in listener.incoming() {
            if desk.is_closing.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            desk.enter();
            threads.spawn(move || {
                // That a client has gone meanwhile is its own affair.
                let _ = serve(&stream, site, desk);
            });
        }
    });
}

fn serve(
    mut stream: &TcpStream,
    site: &impl Fn(&str, &str) -> (Duration, Reply),
    desk: &Desk,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read_head(stream);
    let reply = request.map(|(host, path)| {
        let (delay, reply) = site(&host, &path);
        thread::sleep(delay);
        reply
    });
    // Before the answer: who has it may come again at once.
    desk.leave();
    match reply? {
        Reply::Page(status, content) => stream.write_all(page(status, &content).as_bytes()),
        Reply::Words(words) => stream.write_all(words.as_bytes()),
        Reply::Silence => stream.read(&mut [0]).map(drop),
    }
}

/// Reads all of a request, and returns the host and the path of what is asked for.
fn read_head(stream: &TcpStream) -> io::Result<(String, String)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    let mut host = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Host: ") {
            value.clone_into(&mut host);
        }
    }
    Ok((host, path))
}

fn page(status: u16, content: &str) -> String {
    let reason = if status == 200 { "OK" } else { "Not Found" };
    let length = content.len(); // in bytes
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{content}"
    )
}

impl Desk {
    fn enter(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
