//! The tables, in markdown.

use crate::build::Beside;
use crate::habits::{ORDERS, QUESTIONS};
use crate::peers::Peer;
use crate::race::Times;
use crate::rows::Row;

/// Prints medians as ratios over turnwise, then all figures, then the footnotes.
pub(crate) fn print_times(peers: &[&Peer], results: &[(Row, Vec<Times>)]) {
    let notes = Notes::of(peers, results);
    println!("Time relative to turnwise, for which nanoseconds per operation are shown:\n");
    head(peers);
    for (row, times) in results {
        let own = times.iter().find(|times| times.executor == peers[0].name);
        let own = own.map(|times| times.median);
        line(row.name, peers, |peer| {
            let times = times.iter().find(|times| times.executor == peer.name)?;
            let median = times.median;
            let figure = match own {
                Some(own) if peer.name != peers[0].name => ratio(median / own),
                _ => format!("{median:.1} ns"),
            };
            Some(figure + &notes.marks(peer, row))
        });
    }
    println!("\nNanoseconds per operation: the median, and the minimum in brackets:\n");
    head(peers);
    for (row, times) in results {
        line(row.name, peers, |peer| {
            let times = times.iter().find(|times| times.executor == peer.name)?;
            Some(format!("{:.1} ({:.1})", times.median, times.least))
        });
    }
    println!();
    notes.print();
}

/// Prints the rows that are not times.
pub(crate) fn print_beside(peers: &[&Peer], rows: &[Beside]) {
    if rows.is_empty() {
        return;
    }
    println!("\nOther than time:\n");
    head(peers);
    for row in rows {
        line(row.name, peers, |peer| {
            let (_, figure) = row.figures.iter().find(|(name, _)| *name == peer.name)?;
            Some(if *figure < 10.0 { format!("{figure:.2}") } else { format!("{figure:.0}") })
        });
    }
    println!();
    for row in rows {
        println!("* {}: {}.", row.name, row.what);
    }
}

/// Prints the columns, and how each behaved when it was tried.
pub(crate) fn print_habits(peers: &[&Peer], habits: &[(&str, Vec<String>)]) {
    println!("| column | set up | {} |", QUESTIONS.join(" | "));
    println!("|---|---|{}", "---|".repeat(QUESTIONS.len()));
    for peer in peers {
        let answers = answers(peer, habits, QUESTIONS.len());
        println!("| {} | {} | {answers} |", peer.name, peer.setup);
    }
    println!();
}

/// Prints the tools of each column, and how they behaved when they were tried.
pub(crate) fn print_tools(peers: &[&Peer], orders: &[(&str, Vec<String>)]) {
    println!("| column | executor | tools | {} |", ORDERS.join(" | "));
    println!("|---|---|---|{}", "---|".repeat(ORDERS.len()));
    for peer in peers {
        let names = peer.tools.as_ref().map_or("-", |tools| tools.names);
        let answers = answers(peer, orders, ORDERS.len());
        println!("| {} | {} | {names} | {answers} |", peer.name, peer.setup);
    }
    println!();
}

/// Prints the columns.
pub(crate) fn print_setups(peers: &[&Peer]) {
    println!("| column | crate |\n|---|---|");
    for peer in peers {
        println!("| {} | {} |", peer.name, peer.setup);
    }
    println!();
}

/// The cells with the answers of one column.
fn answers(peer: &Peer, all: &[(&str, Vec<String>)], questions: usize) -> String {
    let answers = all.iter().find(|(name, _)| *name == peer.name);
    answers.map_or_else(|| vec!["-"; questions].join(" | "), |(_, answers)| answers.join(" | "))
}

/// Formats a ratio with two decimals, or with none if it is large.
pub(crate) fn ratio(ratio: f64) -> String {
    if ratio < 9.995 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}

fn head(peers: &[&Peer]) {
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    println!("| row | {} |", names.join(" | "));
    println!("|---|{}", "---:|".repeat(peers.len()));
}

fn line(name: &str, peers: &[&Peer], cell: impl Fn(&Peer) -> Option<String>) {
    let cells = peers.iter().map(|peer| cell(peer).unwrap_or_else(|| "-".to_owned()));
    println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

/// The footnotes of a table, each with the columns to which it belongs.
struct Notes(Vec<(&'static str, Vec<&'static str>)>);

impl Notes {
    /// The footnotes of the rows and columns that are in the results.
    fn of(peers: &[&Peer], results: &[(Row, Vec<Times>)]) -> Self {
        let mut notes = Notes(Vec::new());
        for peer in peers {
            for note in peer.notes {
                let is_there = |(row, times): &(Row, Vec<Times>)| {
                    note.is_about(row.name) && times.iter().any(|time| time.executor == peer.name)
                };
                if results.iter().any(is_there) {
                    notes.add(note.text, peer.name);
                }
            }
        }
        notes
    }

    fn add(&mut self, text: &'static str, peer: &'static str) {
        match self.0.iter_mut().find(|note| note.0 == text) {
            Some(note) => note.1.push(peer),
            None => self.0.push((text, vec![peer])),
        }
    }

    fn marks(&self, peer: &Peer, row: &Row) -> String {
        let about = peer.notes.iter().filter(|note| note.is_about(row.name));
        let letters = about.filter_map(|note| {
            let number = self.0.iter().position(|(text, _)| *text == note.text)?;
            Some(letter(number))
        });
        let letters: Vec<_> = letters.collect();
        if letters.is_empty() {
            String::new()
        } else {
            format!(" <sup>{}</sup>", letters.join(" "))
        }
    }

    fn print(&self) {
        for (number, (text, peers)) in self.0.iter().enumerate() {
            println!("* <sup>{}</sup> {}: {text}.", letter(number), peers.join(", "));
        }
    }
}

fn letter(number: usize) -> String {
    let letters = "abcdefghijklmnopqrstuvwxyz";
    letters.chars().nth(number).unwrap_or('+').to_string()
}
