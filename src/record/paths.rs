//! Paths of source files, as recordings name them: none says where on a machine the program was built.

/// Makes a path of the compiler's relative to the package that the file belongs to. A path that is relative already,
/// as those of the workspace's own files are, stays as it is.
pub(crate) fn relative(path: &str) -> String {
    let path = path.replace('\\', "/");
    let is_absolute = path.starts_with('/') || path.get(1..3) == Some(":/");
    if !is_absolute {
        return path;
    }
    // Dependencies: …/registry/src/index.crates.io-…/name-1.0.0/src/lib.rs, …/git/checkouts/name-…/…/src/lib.rs.
    for (mark, folders) in [("/registry/src/", 1), ("/git/checkouts/", 0), ("/rustc/", 1)] {
        if let Some((_, rest)) = path.split_once(mark) {
            return rest.splitn(folders + 1, '/').last().unwrap_or(rest).to_owned();
        }
    }
    if let Some(rest) = own(&path, file!()) {
        return format!("turnwise/{rest}");
    }
    let here = std::env::current_dir().ok();
    let here = here.as_ref().and_then(|here| here.to_str()).map(|here| here.replace('\\', "/"));
    let below = here.as_ref().and_then(|here| path.strip_prefix(here.trim_end_matches('/')));
    if let Some(rest) = below.and_then(|rest| rest.strip_prefix('/')) {
        return rest.to_owned();
    }
    // Elsewhere on this machine: from the folder before `src`, or else the name of the file.
    match path.rsplit_once("/src/") {
        Some((package, rest)) => {
            let package = package.rsplit('/').next().unwrap_or_default();
            format!("{package}/src/{rest}")
        }
        None => path.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// Returns the rest of a path into the folder of this crate's own sources, wherever that is; `this` is the path of this
/// file.
fn own<'p>(path: &'p str, this: &str) -> Option<&'p str> {
    let this = this.replace('\\', "/");
    let root = this.strip_suffix("src/record/paths.rs").filter(|root| !root.is_empty())?;
    path.strip_prefix(root).filter(|rest| rest.starts_with("src/"))
}

#[cfg(all(test, not(turnwise_loom)))]
mod tests {
    use super::{own, relative};

    #[test]
    fn no_path_says_where_the_program_was_built() {
        let here = std::env::current_dir().unwrap();
        for (path, expected) in [
            ("examples/tour.rs", "examples/tour.rs"),
            ("src\\main.rs", "src/main.rs"),
            (
                "/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/futures-0.3.1/src/lib.rs",
                "futures-0.3.1/src/lib.rs",
            ),
            (
                "/rustc/4eb161250e340c8f48f66e2b929ef4a5bed7c181/library/std/src/a.rs",
                "library/std/src/a.rs",
            ),
            ("/home/me/secret/project/src/net/tcp.rs", "project/src/net/tcp.rs"),
            ("C:\\Users\\me\\project\\src\\main.rs", "project/src/main.rs"),
            ("/home/me/script.rs", "script.rs"),
        ] {
            assert_eq!(relative(path), expected);
        }
        let this = "/home/me/checkout-7/src/record/paths.rs";
        let own = |path| own(path, this);
        assert_eq!(own("/home/me/checkout-7/src/time/sleep.rs"), Some("src/time/sleep.rs"));
        assert_eq!(own("/home/me/checkout-7/tests/a.rs"), None);
        assert_eq!(relative(&format!("{}/tests/a.rs", here.display())), "tests/a.rs");
        // A folder beside this one, whose name begins like it.
        assert_eq!(relative(&format!("{}-2/tests/a.rs", here.display())), "a.rs");
    }
}
