//! What the compiler says about a program that does not fit: the notes that name the way, and its usual warnings.
//!
//! Each program is compiled against the library that this test is linked with. Where that is not possible (a library
//! built for another target, or by another compiler), the test says that it was skipped.

#![allow(clippy::unwrap_used, reason = "helpers that tests call are test code")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The latest build of the library beside this test.
fn library() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let files = fs::read_dir(test.parent()?).ok()?.flatten().map(|entry| entry.path());
    let libraries = files.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libturnwise-") && name.ends_with(".rlib")
    });
    let built = |path: &PathBuf| fs::metadata(path).and_then(|file| file.modified());
    libraries.max_by_key(|path| built(path).unwrap_or(SystemTime::UNIX_EPOCH))
}

/// Compiles a program, and returns what the compiler says.
fn compile(library: &Path, name: &str, body: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("diagnostics");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!("{name}.rs"));
    let text =
        format!("#![deny(warnings)]\nfn main() {{ turnwise::block_on(async {{ {body} }}); }}");
    fs::write(&program, text).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--emit", "metadata", "--color", "never", "--out-dir"]);
    rustc.arg(&folder).arg("--extern").arg(format!("turnwise={}", library.display()));
    rustc.arg("-L").arg(format!("dependency={}", library.parent().unwrap().display()));
    let output = rustc.arg(&program).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_missing_is_named_and_so_is_the_way() {
    let Some(library) = library().filter(|path| compile(path, "fits", "").is_empty()) else {
        println!("skipped: the library cannot be linked from here");
        return;
    };
    let rows = [
        (
            "gather_handles",
            "turnwise::gather([turnwise::spawn(async {})]).await;",
            &["E0283", "UseGatherHandles"][..],
        ),
        (
            "gather_of_units",
            "drop(turnwise::gather([async {}]).first_error().await);",
            &["need tasks that return a `Result`, but these return `()`", "use `first_failure`"],
        ),
        (
            "gather_of_texts",
            "drop(turnwise::gather([async { Err::<(), &str>(\"no\") }]).first_error().await);",
            &[
                "must convert a `JoinError` into `&str`, which is not `From<JoinError>`",
                "implement `From<turnwise::JoinError>` for the error",
                "use `first_failure`",
            ],
        ),
        (
            "gather_flat",
            "drop(turnwise::gather([async { 3_u8 }]).flatten().await);",
            &["need tasks that return a `Result`, but these return `u8`", "use `first_failure`"],
        ),
        (
            "wait_for_units",
            "drop(turnwise::wait([turnwise::spawn(async {})]).first_error().await);",
            &["need tasks that return a `Result`, but these return `()`", "use `first_failure`"],
        ),
        (
            "handle_flat",
            "drop(turnwise::spawn(async { Err::<(), u8>(3) }).flatten().await);",
            &["must convert a `JoinError` into `u8`", "implement `From<turnwise::JoinError>`"],
        ),
    ];
    for (name, body, notes) in rows {
        let said = compile(&library, name, body);
        assert!(said.starts_with("error"), "{name}: {said}");
        for note in notes {
            assert!(said.contains(note), "{name}: no {note:?} in {said}");
        }
    }
}

#[test]
fn the_macros_hide_no_warning_about_what_the_user_has_written() {
    let Some(library) = library().filter(|path| compile(path, "fits", "").is_empty()) else {
        println!("skipped: the library cannot be linked from here");
        return;
    };
    let rows = [
        (
            "a_variable",
            "turnwise::select! { value = async { 1 } => {} }",
            "unused variable: `value`",
        ),
        (
            "a_handler",
            "turnwise::select! { () = async {} => { return; #[allow(path_statements)] 1; } }",
            "unreachable",
        ),
        (
            "a_branch",
            "turnwise::select! { () = async { let a = 1; } => {} }",
            "unused variable: `a`",
        ),
        (
            "a_join",
            "turnwise::join!(async { return; #[allow(path_statements)] 1; });",
            "unreachable",
        ),
        (
            "a_try_join",
            "drop(turnwise::try_join!(async { let a = 1; Ok::<(), ()>(()) }));",
            "unused variable",
        ),
        ("an_output", "turnwise::try_join!(async { Ok::<(), ()>(()) });", "unused `Result`"),
    ];
    for (name, body, warning) in rows {
        let said = compile(&library, name, body);
        assert!(said.contains(warning), "{name}: no {warning:?} in {said}");
    }
}
