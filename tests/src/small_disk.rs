//! A file system that is soon full.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

const MEGABYTE: u64 = 1 << 20;

/// A file system in memory, of a few megabytes. It goes when it is dropped.
pub struct SmallDisk {
    folder: TempDir,
    megabytes: u64,
}

impl SmallDisk {
    /// Mounts one.
    ///
    /// # Errors
    /// Whoever runs this may not mount anything; root may.
    pub fn mount(megabytes: u64) -> anyhow::Result<SmallDisk> {
        let folder = tempfile::tempdir()?;
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output()?;
        let why = String::from_utf8_lossy(&mounted.stderr);
        ensure!(mounted.status.success(), "a small disk cannot be mounted, run the tests as root: {why}");
        Ok(SmallDisk { folder, megabytes })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves room for so many megabytes.
    pub fn fill_but(&self, megabytes: u64) -> anyhow::Result<()> {
        let ballast = usize::try_from((self.megabytes - megabytes) * MEGABYTE)?;
        fs::write(self.path().join("ballast"), vec![0; ballast]).context("writing the ballast")
    }

    /// Takes the ballast away.
    pub fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.path().join("ballast")).context("removing the ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that a failed test left behind may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}
