//! Pages of a site, fetched by a blocking client on pool threads: one after the other, all at once, and three at a
//! time. The first three sections port Python programs of the lecture and print the same lines; one second of the
//! lecture takes half a second here.
//!
//! Run it with `cargo run --example pages`. It needs no network: `server.rs` serves the sites on this machine, and
//! `client.rs` requests them there.

mod client;
mod server;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thiserror::Error;
use turnwise::blocking::{BlockingError, BlockingHandle};
use turnwise::{JoinError, ThreadPool, block_on, gather, spawn_blocking, task};

use crate::client::{Client, GetError, Page};
use crate::server::{Reply, Server};

fn main() -> Result<(), Error> {
    println!("--- pages one after the other");
    one_after_the_other()?;
    println!("--- pages at once");
    at_once()?;
    println!("--- a page as a context");
    as_a_context()?;
    println!("--- pages that fail, and pages that do not");
    failures()?;
    println!("--- a connection for each page, and three in all");
    limits()
}

const URL: &str = "https://www.mashina.kg/search/all/?page=";

/// A tenth of a second of the lecture. Threads sleep in real time.
const TENTH: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_millis(500);

/// What can go wrong in these programs. A missing page is not an error: it has a status.
#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Get(#[from] GetError),
    #[error(transparent)]
    Thread(#[from] BlockingError),
    #[error(transparent)]
    Task(#[from] JoinError),
    #[error("the server cannot start: {0}")]
    Server(#[from] io::Error),
}

/// The lecture's time since the program started, rounded down to a tenth, since no sleep ends early.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Clock(Instant::now())
    }

    fn tenths(self) -> u128 {
        self.0.elapsed().as_millis() / TENTH.as_millis()
    }

    /// The lecture's `log`.
    fn log(self, line: impl Display) {
        println!("[{}] {line}", self.tenths() * 100);
    }
}

fn seconds(tenths: u128) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Creates a client whose timeout is long enough for every page of the lecture.
fn client_of(server: &Server) -> Client {
    Client::new(server.address(), SECOND * 10)
}

/// The client blocks, so a thread has to wait for the page: here one of the pool that the whole program shares.
async fn get(client: Client, url: &str) -> Result<Page, Error> {
    let url = url.to_owned();
    Ok(spawn_blocking(move || client.get(&url)).await??)
}

/// The number at the end of a URL or a path.
fn number(path: &str) -> u32 {
    let number = path.rsplit('=').next().and_then(|number| number.parse().ok());
    number.unwrap_or_default()
}

// ----- 17: the times add up -----

fn one_after_the_other() -> Result<(), Error> {
    let server = Server::start(|_, path| (TENTH * number(path), found(path)))?;
    let client = client_of(&server);
    block_on(async {
        // Each page is slightly late, and ten delays could add up to a tenth: each is measured and rounded by itself.
        let mut tenths = 0;
        for i in 1..=10 {
            let start = Clock::start();
            let response = get(client, &format!("{URL}{i}")).await?;
            tenths += start.tenths();
            println!("Page:  {i} Status:  {}", response.status);
        }
        println!("Time:  {}", seconds(tenths));
        Ok(())
    })
}

fn found(path: &str) -> Reply {
    Reply::Page(200, format!("<html>{path}</html>"))
}

// ----- 18: takes as long as the slowest page; answered from last to first, listed from first to last -----

fn at_once() -> Result<(), Error> {
    let server = Server::start(|_, path| (TENTH * (11 - number(path)), found(path)))?;
    let client = client_of(&server);
    let start = Clock::start();
    block_on(pack_request_tasks(client, start))?;
    println!("Time:  {}", seconds(start.tenths()));
    Ok(())
}

async fn pack_request_tasks(client: Client, clock: Clock) -> Result<(), Error> {
    clock.log("client opens");
    let body = async |client: &mut Client| {
        let tasks = (1..=10).map(|i| get_page(format!("{URL}{i}"), *client, clock));
        for (status_code, url) in gather(tasks).first_error().await? {
            println!("Page:  {url} Status:  {status_code}");
        }
        Ok(())
    };
    task::with(client, body, async |_, _| clock.log("client closes")).await
}

async fn get_page(url: String, client: Client, clock: Clock) -> Result<(u16, String), Error> {
    let response = get(client, &url).await?;
    clock.log(format_args!("page {} answered", number(&url)));
    Ok((response.status, url))
}

// ----- 51: code before a block, and code after it -----

fn as_a_context() -> Result<(), Error> {
    let server = Server::start(|host, _| {
        let delay = if host.contains("ya.ru") { SECOND } else { SECOND * 2 };
        (delay, Reply::Page(200, format!("<html>https://{host} привет</html>")))
    })?;
    let client = client_of(&server);
    let clock = Clock::start();
    let show = |url| web_page(url, client, clock, async move |data| clock.log(&data.content));
    block_on(async {
        gather(["https://ya.ru", "https://example.org"].map(show)).first_error().await
    })?;
    clock.log("end");
    Ok(())
}

/// The lecture's code before its `yield` runs before the block, and the code after it runs after the block.
async fn web_page(
    url: &str,
    client: Client,
    clock: Clock,
    block: impl AsyncFnOnce(&mut Page),
) -> Result<(), Error> {
    let data = get(client, url).await?;
    task::with(data, block, async |_, _| clock.log(format_args!("left {url}"))).await;
    Ok(())
}

// ----- a failed page is an error in its place, and the others continue -----

fn failures() -> Result<(), Error> {
    let server = Server::start(|host, path| {
        let reply = match host {
            "silent.example.org" => Reply::Silence,
            "mail.example.org" => Reply::Words("220 mail.example.org ready\r\n"),
            _ if number(path) > 10 => Reply::Page(404, String::from("<html>not here</html>")),
            _ => found(path),
        };
        (TENTH, reply)
    })?;
    let here = Client::new(server.address(), SECOND);
    let gone = Client::new(unused_address()?, SECOND);
    let pages = [
        (here, "https://www.mashina.kg/search/all/?page=1"),
        (here, "https://www.mashina.kg/search/all/?page=11"),
        (gone, "https://gone.example.org"),
        (here, "https://silent.example.org"),
        (here, "https://mail.example.org"),
        (here, "https://www.mashina.kg/search/all/?page=2"),
    ];
    block_on(async {
        let responses = gather(pages.map(|(client, url)| get(client, url))).flatten().await;
        for ((_, url), response) in pages.iter().zip(responses) {
            match response {
                Ok(page) => println!("Page:  {url} Status:  {}", page.status),
                Err(error) => println!("Page:  {url} Error:  {error}"),
            }
        }
    });
    Ok(())
}

/// The address of a server that has been dropped.
fn unused_address() -> io::Result<SocketAddr> {
    let server = Server::start(|_, path| (Duration::ZERO, found(path)))?;
    Ok(server.address())
}

// ----- a pool of its own limits the connections of a client, however many tasks share it -----

fn limits() -> Result<(), Error> {
    let pool = ThreadPool::new(3);
    nine_pages("a thread for each", |client, url| spawn_blocking(move || client.get(&url)))?;
    nine_pages("a pool of three", |client, url| pool.submit(move || client.get(&url)))
}

fn nine_pages(
    title: &str,
    get: impl Fn(Client, String) -> BlockingHandle<Result<Page, GetError>>,
) -> Result<(), Error> {
    let server = Server::start(|_, path| (TENTH * 4, found(path)))?;
    let client = client_of(&server);
    block_on(async {
        let pages = (1..=9).map(|i| get(client, format!("{URL}{i}")));
        for page in gather(pages).first_failure().await? {
            page??;
        }
        println!("{title}: {} connections at once", server.most_at_once());
        Ok(())
    })
}

// Output:
//
// --- pages one after the other
// Page:  1 Status:  200
// Page:  2 Status:  200
// Page:  3 Status:  200
// Page:  4 Status:  200
// Page:  5 Status:  200
// Page:  6 Status:  200
// Page:  7 Status:  200
// Page:  8 Status:  200
// Page:  9 Status:  200
// Page:  10 Status:  200
// Time:  5.5
// --- pages at once
// [0] client opens
// [100] page 10 answered
// [200] page 9 answered
// [300] page 8 answered
// [400] page 7 answered
// [500] page 6 answered
// [600] page 5 answered
// [700] page 4 answered
// [800] page 3 answered
// [900] page 2 answered
// [1000] page 1 answered
// Page:  https://www.mashina.kg/search/all/?page=1 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=2 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=3 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=4 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=5 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=6 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=7 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=8 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=9 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=10 Status:  200
// [1000] client closes
// Time:  1.0
// --- a page as a context
// [1000] <html>https://ya.ru привет</html>
// [1000] left https://ya.ru
// [2000] <html>https://example.org привет</html>
// [2000] left https://example.org
// [2000] end
// --- pages that fail, and pages that do not
// Page:  https://www.mashina.kg/search/all/?page=1 Status:  200
// Page:  https://www.mashina.kg/search/all/?page=11 Status:  404
// Page:  https://gone.example.org Error:  connection refused
// Page:  https://silent.example.org Error:  no answer within 500ms
// Page:  https://mail.example.org Error:  malformed answer: no status
// Page:  https://www.mashina.kg/search/all/?page=2 Status:  200
// --- a connection for each page, and three in all
// a thread for each: 9 connections at once
// a pool of three: 3 connections at once
