//! A recording: the events of a run, and the file that they are kept in.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use crate::record::error::{Problem, RecordingError};
use crate::record::event::Entry;
use crate::record::header::{ClockKind, Header, HeaderLine, VERSION, VersionLine};
use crate::record::line::is_object;
use crate::record::parse::read_line;
use crate::record::tables::{SourceFile, SourcePlace, Tables};
use crate::record::values::{PlaceId, TextId};
use crate::record::write::write_line;

/// A recorded run: its events in order, with the texts and places that they name.
///
/// It is made by a [`Recorder`](crate::record::Recorder), or read from a file. The file is JSON Lines: a header, then
/// one event a line; `docs/recording-v1.md` describes it. It has no date, no host name and no path of the machine, so
/// under a virtual clock, two runs of a program have equal files.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use turnwise::record::{Actor, Outcome, Recorder, Recording};
///
/// let recorder = Recorder::new().program("foo.rs");
/// recorder.at(Duration::ZERO);
/// recorder.spawn(1, "foo", Actor::Outside);
/// recorder.done(1, Outcome::Ready);
/// let recording = recorder.finish();
///
/// let file = recording.to_jsonl();
/// assert!(file.starts_with(r#"{"turnwise":1,"program":"foo.rs","clock":"virtual""#));
/// assert_eq!(Recording::parse(&file)?.to_jsonl(), file);
/// # Ok::<(), turnwise::record::RecordingError>(())
/// ```
#[derive(Clone)]
pub struct Recording {
    pub(crate) header: Header,
    pub(crate) tables: Tables,
    pub(crate) entries: Vec<Entry>,
    pub(crate) is_cut_off: bool,
}

impl Recording {
    /// Returns the program that was recorded: a path relative to its package, or an empty text.
    pub fn program(&self) -> &str {
        &self.header.program
    }

    /// Returns the title.
    pub fn title(&self) -> Option<&str> {
        self.header.title.as_deref()
    }

    /// Returns by what clock the times are.
    pub fn clock(&self) -> ClockKind {
        self.header.clock
    }

    /// Returns the template for links into the sources, with `{path}` and `{line}`.
    pub fn link(&self) -> Option<&str> {
        self.header.link.as_deref()
    }

    /// Returns how many events are lost, of a recorder that keeps only the last ones. If there are any, the first event
    /// is a [`Snapshot`](crate::record::Event::Snapshot).
    pub fn dropped(&self) -> u64 {
        self.header.dropped
    }

    /// Returns whether the file ended in the middle of a line, as that of a program that crashed may. The recording has
    /// everything before that line.
    pub fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Returns the events.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns a text of an event of this recording; an empty one if there is none of this number.
    pub fn text(&self, text: TextId) -> &str {
        self.tables.get_text(text)
    }

    /// Returns a place of an event of this recording, if there is one of this number.
    pub fn place(&self, place: PlaceId) -> Option<SourcePlace<'_>> {
        self.tables.place(place)
    }

    /// Returns the source files that events have places in.
    pub fn files(&self) -> &[SourceFile] {
        self.tables.files()
    }

    /// Adds the texts of source files to the recording: what `read` returns for the path of each, which is relative to
    /// the package that the file belongs to.
    ///
    /// # Example
    ///
    /// ```
    /// use turnwise::record::{Actor, Recorder};
    ///
    /// let recorder = Recorder::new();
    /// recorder.spawn(1, "foo", Actor::Outside);
    /// // In a program: `|path| std::fs::read_to_string(path).ok()`.
    /// let recording = recorder.finish().with_sources(|path| Some(format!("// the text of {path}")));
    /// assert!(recording.files()[0].text.as_deref().is_some_and(|text| text.starts_with("// the text of")));
    /// ```
    #[must_use = "it returns the recording"]
    pub fn with_sources(mut self, read: impl FnMut(&str) -> Option<String>) -> Self {
        self.tables.read_files(read);
        self
    }

    // ----- the file -----

    /// Returns the file as a text.
    #[expect(clippy::missing_panics_doc, reason = "writing to a vector does not fail")]
    pub fn to_jsonl(&self) -> String {
        let mut file = Vec::new();
        self.write_to(&mut file).expect("a vector takes everything");
        String::from_utf8(file).expect("JSON is UTF-8")
    }

    /// Writes the file, in large pieces: `to` needs no buffer.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn write_to(&self, mut to: impl Write) -> io::Result<()> {
        const CHUNK: usize = 1 << 16;
        let mut chunk = serde_json::to_vec(&HeaderLine::of(&self.header, self.tables.files()))?;
        chunk.push(b'\n');
        let mut before = 0;
        for entry in &self.entries {
            write_line(&mut chunk, &self.tables, entry, before)?;
            before = entry.time;
            if chunk.len() >= CHUNK {
                to.write_all(&chunk)?;
                chunk.clear();
            }
        }
        to.write_all(&chunk)?;
        to.flush()
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not a recording that this version can read. A file that ends in the middle of a
    /// line is read up to there: see [`is_cut_off`](Self::is_cut_off).
    pub fn open(path: impl AsRef<Path>) -> Result<Recording, RecordingError> {
        let file = std::fs::read(path).map_err(Problem::Io)?;
        Recording::parse(file)
    }

    /// Reads a recording from the text of a file.
    ///
    /// # Errors
    ///
    /// As those of [`open`](Self::open).
    pub fn parse(file: impl AsRef<[u8]>) -> Result<Recording, RecordingError> {
        let file = file.as_ref();
        let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let mut lines = file.split_inclusive(|&byte| byte == b'\n');
        let mut recording = read_header(lines.next().unwrap_or_default())?;
        let mut before = 0;
        for (number, line) in lines.enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match read_line(line, &mut recording.tables, before) {
                Ok(entry) => {
                    before = entry.time;
                    recording.entries.push(entry);
                }
                // Only the last line can have no end.
                Err(_) if !line.ends_with(b"\n") => recording.is_cut_off = true,
                Err(error) => Err(Problem::Line(number + 2, error))?,
            }
        }
        Ok(recording)
    }
}

fn read_header(line: &[u8]) -> Result<Recording, RecordingError> {
    if !is_object(line) {
        Err(Problem::NoHeader)?;
    }
    let version: VersionLine = serde_json::from_slice(line).map_err(|_| Problem::NoHeader)?;
    match version.turnwise {
        0 => Err(Problem::NoHeader)?,
        1..=VERSION => {}
        newer => Err(Problem::Newer(newer))?,
    }
    let header = serde_json::from_slice::<HeaderLine>(line);
    let header = header.map_err(|error| Problem::Line(1, error.into()))?;
    let (header, files) = header.read();
    let mut tables = Tables::default();
    for file in files {
        tables.add_file(file);
    }
    Ok(Recording { header, tables, entries: Vec::new(), is_cut_off: false })
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("program", &self.header.program)
            .field("events", &self.entries.len())
            .field("is_cut_off", &self.is_cut_off)
            .finish_non_exhaustive()
    }
}
