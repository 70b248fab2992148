//! The folder in which files lie until they are read. `17.data` is what was sent, `17.json` says how to read it,
//! `17.lock` is held by the process that does and names the replica that last did; `*.part` is still coming in.
//!
//! Replicas may share the folder. A lock is the system's, and goes with its process however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::description::Description;

/// Whoever has locked no file by then, nor written to it since, is gone. A file is made before it can be locked, and
/// is nobody's for that moment.
const ABANDONED_AFTER: Duration = Duration::from_secs(60);

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    folder: PathBuf,
}

/// A file that is coming in; gone with this value unless it is kept.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    file: File,
}

/// An import that this process holds, and no other.
#[derive(Debug)]
pub(super) struct Held {
    /// Its number.
    pub number: u64,
    /// How to read it.
    pub description: Description,
    /// The replica that last held it in this folder.
    pub last_owner: String,
    data: PathBuf,
    lock: File,
}

impl Spool {
    pub fn new(folder: PathBuf) -> Spool {
        Spool { folder }
    }

    /// A place for a file that comes in.
    pub fn part(&self, name: &str) -> io::Result<Part> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(format!("{name}.part"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let part = Part { path, file };
        part.file.try_lock().map_err(io::Error::from)?;
        Ok(part)
    }

    /// Makes a file that is whole the one of this import. It survives a crash from here on.
    pub fn keep(&self, part: Part, number: u64, owner: &str, description: &Description) -> io::Result<()> {
        // Another request may bring the same file; the second finds all of it there.
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).open(self.path(number, "lock"))?;
        if lock.metadata()?.len() == 0 {
            (&lock).write_all(owner.as_bytes())?;
        }
        let name = part.path.file_stem().unwrap_or_default().to_string_lossy();
        let said = self.part(&format!("{name}-said"))?;
        serde_json::to_writer(&said.file, description)?;
        said.file.sync_all()?;
        fs::rename(&part.path, self.path(number, "data"))?;
        // Last: with it the import is complete.
        fs::rename(&said.path, self.path(number, "json"))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Whether the file of an import lies here.
    pub fn holds(&self, number: u64) -> bool {
        self.path(number, "json").exists()
    }

    /// The imports that lie here, in the order of their numbers; removes what came in, or was removed, no further than
    /// halfway.
    pub fn numbers(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let (mut numbers, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => {
                    numbers.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
                }
                Some("part") => remove_if_abandoned(&path),
                Some("data" | "lock") => others.push(path),
                _ => (),
            }
        }
        for path in others {
            // What its process left when it ended between two steps of keeping or of removing it.
            if !path.with_extension("json").exists() {
                remove_if_abandoned(&path);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Takes an import, unless a process holds it or it is gone.
    pub fn hold(&self, number: u64) -> io::Result<Option<Held>> {
        if !self.holds(number) {
            return Ok(None);
        }
        let lock_path = self.path(number, "lock");
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let description = match fs::read(self.path(number, "json")) {
            Ok(json) => serde_json::from_slice(&json).map_err(io::Error::other)?,
            // Whoever held it has just removed it, and the lock may be a new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs::remove_file(lock_path);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut last_owner = String::new();
        (&lock).read_to_string(&mut last_owner)?;
        Ok(Some(Held { number, description, last_owner, data: self.path(number, "data"), lock }))
    }

    fn path(&self, number: u64, extension: &str) -> PathBuf {
        self.folder.join(format!("{number}.{extension}"))
    }
}

impl Part {
    /// The file to write to.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It is not there any more where it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

impl Held {
    /// Opens the file.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.data)
    }

    /// Writes down who holds it now.
    pub fn sign(&mut self, owner: &str) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(owner.as_bytes())?;
        owner.clone_into(&mut self.last_owner);
        Ok(())
    }

    /// Removes it: it has ended.
    pub fn remove(self) -> io::Result<()> {
        // In this order: without its description it is no import any more.
        for extension in ["json", "data", "lock"] {
            match fs::remove_file(self.data.with_extension(extension)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => (),
            }
        }
        Ok(())
    }
}

fn remove_if_abandoned(path: &Path) {
    if let Ok(file) = File::open(path)
        && age(&file).is_some_and(|age| age > ABANDONED_AFTER)
        && file.try_lock().is_ok()
    {
        // Somebody else may have been quicker.
        let _ = fs::remove_file(path);
    }
}

/// How long ago it was written to.
fn age(file: &File) -> Option<Duration> {
    file.metadata().ok()?.modified().ok()?.elapsed().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tellers-spool-{name}-{}", std::process::id()))
    }

    #[test]
    fn nothing_that_comes_in_is_taken_for_abandoned() {
        let folder = folder("looks");
        let (spool, done) = (Spool::new(folder.clone()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    spool.numbers().unwrap();
                }
            });
            let kept = (1..=200_u64).try_for_each(|number| {
                let part = spool.part(&format!("api-{number}"))?;
                spool.keep(part, number, "api-1", &Description::default())
            });
            done.store(true, Ordering::Relaxed);
            kept.unwrap();
        });
        assert_eq!(spool.numbers().unwrap().len(), 200);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_is_held_by_one_and_survives_who_held_it() {
        let folder = folder("held");
        let spool = Spool::new(folder.clone());
        assert_eq!(spool.numbers().unwrap(), Vec::<u64>::new());
        let part = spool.part("a").unwrap();
        part.file().unwrap().write_all(b"rows").unwrap();
        let description = Description { name: Some("a.csv".to_owned()), ..Description::default() };
        spool.keep(part, 17, "api-1", &description).unwrap();
        drop(spool.part("given-up").unwrap());
        let crashed = File::create(folder.join("crashed.part")).unwrap();
        crashed.set_modified(SystemTime::now() - 2 * ABANDONED_AFTER).unwrap();
        assert_eq!(spool.numbers().unwrap(), [17]);
        assert!(!folder.join("crashed.part").exists() && !folder.join("given-up.part").exists());
        // Ends between two steps of keeping or of removing an import, long ago and just now.
        for (name, age) in [("18.data", 2), ("18.lock", 2), ("19.lock", 2), ("17.data", 2), ("20.data", 0)] {
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age * ABANDONED_AFTER).unwrap();
        }
        assert_eq!(spool.numbers().unwrap(), [17]);
        let left = |name: &str| folder.join(name).exists();
        assert!(!left("18.data") && !left("18.lock") && !left("19.lock"), "nobody comes back for them");
        assert!(left("17.data") && left("17.lock") && left("20.data"), "these are somebody's");
        fs::remove_file(folder.join("20.data")).unwrap();
        fs::remove_file(folder.join("17.lock")).unwrap();
        drop(spool.hold(17).unwrap().expect("a lock that is gone is made again"));
        fs::write(folder.join("17.lock"), "api-1").unwrap();

        let mut held = spool.hold(17).unwrap().unwrap();
        assert_eq!((held.description.clone(), held.last_owner.as_str()), (description, "api-1"));
        assert!(spool.hold(17).unwrap().is_none(), "it is held");
        held.sign("api-22").unwrap();
        drop(held);
        let held = spool.hold(17).unwrap().unwrap();
        assert_eq!(held.last_owner, "api-22");
        assert_eq!(io::read_to_string(held.open().unwrap()).unwrap(), "rows");
        held.remove().unwrap();
        assert!(!spool.holds(17) && spool.hold(17).unwrap().is_none());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left");
        fs::remove_dir(&folder).unwrap();
    }
}
