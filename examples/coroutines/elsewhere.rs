//! The same pipeline in two parts. Between them is a coroutine that forwards what it is sent to a channel to another
//! thread, or to a pipe to another process; the stages before and after it are the same.

use std::env;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;
use turnwise::blocking::BlockingError;
use turnwise::channel::remote;
use turnwise::generator::{Coroutine, SendError};
use turnwise::{block_on, spawn_blocking};

use crate::buses::{Bus, DOCUMENT, ReadError, north_on_22, read_elements, to_buses};

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Thread(#[from] BlockingError),
    #[error("the pipeline has ended")]
    Ended(#[from] SendError<Bus>),
    #[error(transparent)]
    Process(#[from] io::Error),
    #[error("the child process failed: {0}")]
    Child(ExitStatus),
}

// ----- another thread -----

/// In Python the end of the pipeline runs on the thread. Here its start does, since that may block: the end stays with
/// the scheduler, whose other tasks continue. A coroutine never leaves the thread on which it was created.
pub(crate) fn another_thread() -> Result<(), Error> {
    let (sender, mut receiver) = remote::channel(2);
    let target = north_on_22();
    block_on(async {
        let source = spawn_blocking(|| read_elements(DOCUMENT, &to_buses(into_channel(sender))));
        while let Some(bus) = receiver.recv().await {
            target.send(bus)?;
        }
        Ok(source.await??)
    })
}

/// Dropping it drops the sender, which ends the receiver's loop.
fn into_channel(sender: remote::Sender<Bus>) -> Coroutine<'static, Bus> {
    Coroutine::new(async move |co| {
        loop {
            // Blocks while the channel is full.
            if sender.blocking_send(co.receive().await).is_err() {
                return;
            }
        }
    })
}

// ----- another process -----

/// The argument that makes the program the child.
pub(crate) const CHILD: &str = "show-buses";

pub(crate) fn another_process() -> Result<(), Error> {
    let mut command = Command::new(env::current_exe()?);
    let mut child = command.arg(CHILD).stdin(Stdio::piped()).spawn()?;
    let pipe = child.stdin.take().expect("it is piped");
    let source = to_buses(into_pipe(pipe));
    let read = read_elements(DOCUMENT, &source);
    drop(source); // Closes the pipe, so that the child ends.
    let status = child.wait()?;
    if !status.success() {
        return Err(Error::Child(status));
    }
    Ok(read?)
}

/// The child: sends what it reads from the pipe to the rest of the pipeline.
pub(crate) fn child() -> Result<(), Error> {
    let target = north_on_22();
    let mut pipe = io::stdin().lock();
    while let Some(bus) = read_bus(&mut pipe)? {
        target.send(bus)?;
    }
    Ok(())
}

fn into_pipe(mut pipe: impl Write + 'static) -> Coroutine<'static, Bus> {
    Coroutine::new(async move |co| {
        loop {
            let packed = pack(&co.receive().await);
            if pipe.write_all(packed.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// Writes each text after a line with its length, so that it may contain anything; an empty name ends a bus.
fn pack(bus: &Bus) -> String {
    let texts = bus.iter().flat_map(|(name, text)| [name.as_str(), text]);
    let packed = texts.chain([""]).map(|text| format!("{}\n{text}", text.len()));
    packed.collect::<Vec<_>>().concat()
}

/// Returns `None` at the end of the pipe.
fn read_bus(pipe: &mut impl BufRead) -> io::Result<Option<Bus>> {
    let mut bus = Bus::new();
    while let Some(name) = read_text(pipe)? {
        if name.is_empty() {
            return Ok(Some(bus));
        }
        let text = read_text(pipe)?.ok_or(ErrorKind::UnexpectedEof)?;
        bus.insert(name, text);
    }
    if bus.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn read_text(pipe: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut length = String::new();
    if pipe.read_line(&mut length)? == 0 {
        return Ok(None);
    }
    let length: u64 = length.trim_end().parse().map_err(|_| ErrorKind::InvalidData)?;
    let mut text = String::new();
    let read = pipe.take(length).read_to_string(&mut text)?;
    if (read as u64) < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Some(text)) }
}
