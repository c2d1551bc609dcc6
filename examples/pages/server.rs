//! A small HTTP server on 127.0.0.1, with a thread for each connection, which answers after a delay. It stands in for
//! the sites of the lecture.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Serves a site until it is dropped. After that all its threads have ended, and connections are refused.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// `None` only while the server is being dropped.
    listening: Option<JoinHandle<()>>,
}

/// What is served for a host and a path.
pub(crate) enum Reply {
    /// Status and content.
    Page(u16, String),
    /// Something that is not HTTP.
    Words(&'static str),
    /// Nothing, until the client disconnects.
    Silence,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    is_closing: AtomicBool,
    /// Connections that have no answer yet.
    waiting: AtomicUsize,
    most_waiting: AtomicUsize,
}

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(5);

impl Server {
    /// Serves what `site` returns, after the delay that it returns.
    pub(crate) fn start<S>(site: S) -> io::Result<Self>
    where
        S: Fn(&str, &str) -> (Duration, Reply) + Send + Sync + 'static,
    {
        // From here on the system accepts connections, and queues them for the thread.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let cloned = Arc::clone(&shared);
        let listening = thread::spawn(move || listen(&listener, &site, &cloned));
        Ok(Server { address, shared, listening: Some(listening) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the highest number of connections that waited for an answer at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_waiting.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        // Connecting wakes the thread. If that fails, the thread is left until the program ends.
        let woken = TcpStream::connect(self.address).is_ok();
        if let (true, Some(listening)) = (woken, self.listening.take()) {
            let _ = listening.join(); // A panic of `site` has already been printed.
        }
    }
}

fn listen(
    listener: &TcpListener,
    site: &(impl Fn(&str, &str) -> (Duration, Reply) + Sync),
    shared: &Shared,
) {
    thread::scope(|threads| {
        for stream in listener.incoming() {
            if shared.is_closing.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            shared.enter();
            threads.spawn(move || {
                // It is not a failure of the server if the client has disconnected.
                let _ = serve(&stream, site, shared);
            });
        }
    });
}

fn serve(
    mut stream: &TcpStream,
    site: &impl Fn(&str, &str) -> (Duration, Reply),
    shared: &Shared,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = read_head(stream);
    let reply = request.map(|(host, path)| {
        let (delay, reply) = site(&host, &path);
        thread::sleep(delay);
        reply
    });
    // Before the answer, since the client may connect again as soon as it has that.
    shared.leave();
    match reply? {
        Reply::Page(status, content) => stream.write_all(page(status, &content).as_bytes()),
        Reply::Words(words) => stream.write_all(words.as_bytes()),
        Reply::Silence => stream.read(&mut [0]).map(drop),
    }
}

/// Reads the head of a request, and returns its host and path.
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

impl Shared {
    fn enter(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_waiting.fetch_max(waiting, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
