//! The text files of a project, as the rules look at them.

use std::path::Path;
use std::{fs, io};

/// Built, downloaded or recorded; nobody writes these.
const SKIPPED: &[&str] = &[
    "target",
    ".git",
    ".tellers",
    "node_modules",
    "venv",
    "dist",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
];

/// The text files under a root, sorted by path.
pub struct Tree {
    pub files: Vec<SourceFile>,
}

/// One text file.
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
}

impl Tree {
    pub fn read(root: &Path) -> io::Result<Tree> {
        let mut files = Vec::new();
        read_folder(root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Tree { files })
    }

    /// The Rust files whose path starts with one of `prefixes`.
    pub fn rust<'a>(&'a self, prefixes: &'a [&str]) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs") && file.is_under(prefixes))
    }

    /// The members' manifests.
    pub fn manifests(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"))
    }
}

fn read_folder(folder: &Path, path: &str, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if entry.file_type()?.is_dir() {
            read_folder(&entry.path(), &path, files)?;
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(SourceFile { path, text });
        }
    }
    Ok(())
}

impl SourceFile {
    pub fn is_under(&self, prefixes: &[&str]) -> bool {
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }

    /// The crate that the file is in: the first folder of its path.
    pub fn member(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Its lines with their numbers, without line comments.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }

    /// [`SourceFile::code`] up to its unit tests.
    pub fn code_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().take_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    /// [`SourceFile::code`] of its unit tests.
    pub fn code_of_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().skip_while(|(_, line)| line.trim() != "#[cfg(test)]")
    }

    /// A finding, as compilers print them.
    pub fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// The line up to `//`; not that of `https://`.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}
