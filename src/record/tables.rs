//! The tables of a recording: each text, source file and place is stored once, and events have its number.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Arc;

use crate::record::paths::relative;
use crate::record::printable::printable;
use crate::record::values::{PlaceId, TextId};

/// A place in the source of the recorded program: file, line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    /// The index of the file.
    pub(crate) file: u32,
    /// The line, from 1.
    pub(crate) line: u32,
    /// The column, from 1; 0 if it is not known.
    pub(crate) column: u32,
}

/// A source file of the recorded program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFile {
    /// Its path, relative to the package it belongs to.
    pub path: Arc<str>,
    /// Its text, if that is part of the recording.
    pub text: Option<Arc<str>>,
}

/// A place in the source, as [`Recording::place`](crate::record::Recording::place) returns it. `Display` prints
/// `path:line:column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SourcePlace<'t> {
    /// The path of the file, relative to the package that it belongs to.
    pub path: &'t str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
}

impl fmt::Display for SourcePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", printable(self.path), self.line)?;
        if self.column == 0 { Ok(()) } else { write!(f, ":{}", self.column) }
    }
}

/// All texts, files and places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    texts: Vec<Arc<str>>,
    text_numbers: HashMap<Arc<str>, TextId>,
    files: Vec<SourceFile>,
    file_numbers: HashMap<Arc<str>, u32>,
    spots: Vec<Spot>,
    spot_numbers: HashMap<Spot, PlaceId>,
    /// By address: most events of a run come from few places.
    locations: HashMap<usize, PlaceId>,
}

impl Tables {
    /// Returns the number of a text, which is added if it is new.
    pub(crate) fn text(&mut self, text: &str) -> TextId {
        if let Some(&number) = self.text_numbers.get(text) {
            return number;
        }
        self.add_text(text.into())
    }

    fn add_text(&mut self, text: Arc<str>) -> TextId {
        self.texts.push(Arc::clone(&text));
        let number = TextId(number(self.texts.len()));
        self.text_numbers.insert(text, number);
        number
    }

    /// Returns the number of a place in the source of this program.
    pub(crate) fn location(&mut self, location: &'static Location<'static>) -> PlaceId {
        let address = std::ptr::from_ref(location).addr();
        if let Some(&place) = self.locations.get(&address) {
            return place;
        }
        let file = self.file(&relative(location.file()));
        let spot = Spot { file, line: location.line(), column: location.column() };
        let place = self.spot(spot);
        self.locations.insert(address, place);
        place
    }

    /// Returns the number of a file, which is added if it is new.
    pub(crate) fn file(&mut self, path: &str) -> u32 {
        if let Some(&number) = self.file_numbers.get(path) {
            return number;
        }
        self.add_file(SourceFile { path: path.into(), text: None })
    }

    /// Adds a file, even if there is one of the same path, and returns its number.
    pub(crate) fn add_file(&mut self, file: SourceFile) -> u32 {
        let number = number(self.files.len() + 1).get() - 1;
        self.file_numbers.entry(Arc::clone(&file.path)).or_insert(number);
        self.files.push(file);
        number
    }

    /// Returns the number of a place.
    pub(crate) fn spot(&mut self, spot: Spot) -> PlaceId {
        if let Some(&place) = self.spot_numbers.get(&spot) {
            return place;
        }
        self.spots.push(spot);
        let place = PlaceId(number(self.spots.len()));
        self.spot_numbers.insert(spot, place);
        place
    }

    /// Returns a text; an empty one if there is none of this number.
    pub(crate) fn get_text(&self, text: TextId) -> &str {
        self.texts.get(text.0.get() as usize - 1).map_or("", |text| text)
    }

    /// Returns a place, if there is one of this number.
    pub(crate) fn get_spot(&self, place: PlaceId) -> Option<Spot> {
        self.spots.get(place.0.get() as usize - 1).copied()
    }

    /// Returns a place with its file.
    pub(crate) fn place(&self, place: PlaceId) -> Option<SourcePlace<'_>> {
        let Spot { file, line, column } = self.get_spot(place)?;
        let path = &*self.files.get(file as usize)?.path;
        Some(SourcePlace { path, line, column })
    }

    pub(crate) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Adds the texts of files: those that `read` returns for their paths.
    pub(crate) fn read_files(&mut self, mut read: impl FnMut(&str) -> Option<String>) {
        for file in &mut self.files {
            if let Some(text) = read(&file.path) {
                file.text = Some(text.into());
            }
        }
    }

    /// Returns how many texts there are.
    pub(crate) fn text_count(&self) -> usize {
        self.texts.len()
    }

    /// Keeps only the texts for which `visit` calls its argument, which returns the new number of each.
    pub(crate) fn retain_texts(&mut self, visit: impl FnOnce(&mut dyn FnMut(TextId) -> TextId)) {
        let old = mem::take(&mut self.texts);
        self.text_numbers.clear();
        let mut moved: Vec<Option<TextId>> = vec![None; old.len()];
        visit(&mut |text| {
            let at = text.0.get() as usize - 1;
            let (Some(slot), Some(text)) = (moved.get_mut(at), old.get(at)) else { return text };
            *slot.get_or_insert_with(|| self.add_text(Arc::clone(text)))
        });
    }
}

/// A number from 1.
fn number(length: usize) -> NonZeroU32 {
    let number = u32::try_from(length).ok().and_then(NonZeroU32::new);
    number.expect("memory runs out before the numbers do")
}
