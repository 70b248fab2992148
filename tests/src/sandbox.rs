//! A temporary folder with the processes that run in it.
//!
//! Servers shared by the tests of one binary live in statics, which Rust never drops, and a test run
//! may be ended by Ctrl-C or `kill -9`. So a small shell watches over each sandbox: it holds the read
//! end of a pipe, and when the pipe closes, for whatever reason, it kills the process groups that it
//! was told of and removes the folder.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::until;

/// Each line read replaces the list of process groups; the end of input ends them and the folder.
/// A process that is being killed may write once more, so the folder may need another try.
const GUARD: &str = r#"
while read -r line; do groups=$line; done
for group in $groups; do kill -KILL "-$group"; done
for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && break; sleep 0.2; done
"#;

/// A temporary folder and the processes in it; dropping it ends both.
#[derive(Debug)]
pub struct Sandbox {
    folder: PathBuf,
    guard: Mutex<Guard>,
}

#[derive(Debug)]
struct Guard {
    shell: Child,
    /// `None` once it is closed, which is what the shell waits for.
    tell: Option<ChildStdin>,
    groups: BTreeSet<i32>,
}

impl Sandbox {
    /// Makes a folder whose name starts with `tellers-` and `name`.
    pub fn new(name: &str) -> anyhow::Result<Arc<Sandbox>> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("tellers-{name}-"))
            .tempdir()
            .context("could not make a temporary folder")?
            .keep();
        let mut shell = Command::new("/bin/sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the whole group of the test process; the guard has to outlive it.
            .process_group(0)
            .spawn()
            .context("could not start /bin/sh to watch over the sandbox")?;
        let tell = shell.stdin.take();
        Ok(Arc::new(Sandbox { folder, guard: Mutex::new(Guard { shell, tell, groups: BTreeSet::new() }) }))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Starts a process in a group of its own, with its output appended to `<name>.log`.
    ///
    /// # Errors
    /// The program could not be started; the message names it.
    pub fn spawn(self: &Arc<Self>, name: &str, mut command: Command) -> anyhow::Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        // A process started again appends to the log of the one before it.
        let log_start = output.metadata()?.len();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start {}", command.get_program().to_string_lossy()))?;
        let process = Process { name: name.into(), child, log, log_start, sandbox: Arc::clone(self) };
        self.watch(|groups| groups.insert(process.pid().as_raw_nonzero().get()))?;
        Ok(process)
    }

    fn watch(&self, change: impl FnOnce(&mut BTreeSet<i32>) -> bool) -> anyhow::Result<()> {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut guard.groups);
        let line = guard.groups.iter().map(i32::to_string).collect::<Vec<_>>().join(" ");
        if let Some(tell) = &mut guard.tell {
            writeln!(tell, "{line}").context("the shell that watches over the sandbox is gone")?;
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let guard = self.guard.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(guard.tell.take());
        // Nothing is left to do about a guard that cannot be awaited.
        let _ = guard.shell.wait();
    }
}

/// A process and whatever it has started; dropping it kills all of them.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    log_start: u64,
    sandbox: Arc<Sandbox>,
}

impl Process {
    /// The process's id, which is that of its group too.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Kills the whole group with `SIGKILL` and reaps the process.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            // It may end between the look and the signal; the wait tells.
            let _ = kill_process_group(self.pid(), Signal::KILL);
            self.child.wait().with_context(|| format!("could not await {}", self.name))?;
        }
        self.forget()
    }

    /// Asks the process to end with `SIGTERM` and waits until it has.
    ///
    /// # Errors
    /// It did not end `within` that time; the message has the tail of its log.
    pub async fn terminate(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            let _ = kill_process(self.pid(), Signal::TERM);
        }
        let what = format!("{} ends after SIGTERM", self.name);
        let status = until(&what, within, async || self.child.try_wait()?.context("it still runs"))
            .await
            .with_context(|| self.log_tail())?;
        // What it has started itself must not outlive it; usually there is nothing.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        self.forget()?;
        Ok(status)
    }

    /// How it ended; `None` while it runs.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// What it has written to stdout and stderr since it was started.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or_default().min(bytes.len());
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// The last lines of its log, with its name above them.
    pub fn log_tail(&self) -> String {
        tail(&self.name, &self.log)
    }

    fn forget(&self) -> anyhow::Result<()> {
        self.sandbox.watch(|groups| groups.remove(&self.pid().as_raw_nonzero().get()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard kills what could not be killed here.
        let _ = self.kill();
    }
}

/// The last lines of the file `log`, with `name` above them.
pub fn tail(name: &str, log: &Path) -> String {
    const LINES: usize = 40;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("---- {name}: the last {} of {} lines of its log\n{}", last.len(), lines.len(), last.join("\n"))
}

/// The path of `program`, looked for in `folders` and then in `PATH`.
pub fn find_program(program: &str, folders: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|candidate| File::open(candidate).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_the_test_process_ends_its_sandboxes() {
        let sandbox = Sandbox::new("guarded").unwrap();
        let mut command = Command::new("tail");
        command.args(["-f", "/dev/null"]);
        let mut processes =
            [sandbox.spawn("one", Command::new("yes")).unwrap(), sandbox.spawn("other", command).unwrap()];
        // What the system does with the pipes of a process that ends, by whatever cause.
        drop(sandbox.guard.lock().unwrap().tell.take());
        for process in &mut processes {
            let name = process.name.clone();
            until(&name, Duration::from_secs(10), async || process.exited()?.context("it still runs"))
                .await
                .unwrap();
        }
        until("the folder goes", Duration::from_secs(10), async || {
            anyhow::ensure!(!sandbox.path().exists(), "it is still there");
            Ok(())
        })
        .await
        .unwrap();
    }
}
