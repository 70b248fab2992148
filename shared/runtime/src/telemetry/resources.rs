//! What this process and its host use, as its control group sees it.

mod cgroup;

use std::path::{Path, PathBuf};
use std::time::Instant;

use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System};

use contract::report::Resources;

/// Looks at the process and its host. The figures are since the look before.
pub struct Sampler {
    system: System,
    pid: Pid,
    /// The disk whose use is reported.
    folder: PathBuf,
    cores: f64,
    looked_at: Instant,
    /// Milliseconds of processor time that the process had used then.
    cpu_time_ms: u64,
}

impl Sampler {
    /// Looks for the first time; `folder` is on the disk that matters. `None`: the system does not tell.
    pub fn new(folder: &Path) -> Option<Sampler> {
        let mut sampler = Sampler {
            system: System::new().ok()?,
            pid: sysinfo::get_current_pid().ok()?,
            folder: folder.to_owned(),
            cores: cgroup::cores(),
            looked_at: Instant::now(),
            cpu_time_ms: 0,
        };
        sampler.look();
        sampler.cpu_time_ms = sampler.process()?.accumulated_cpu_time();
        Some(sampler)
    }

    /// What is used; `None`: the system does not tell, or the look before was too short a time ago to tell how
    /// busy the processors are.
    pub fn sample(&mut self) -> Option<Resources> {
        let elapsed = self.looked_at.elapsed();
        if elapsed < MINIMUM_CPU_UPDATE_INTERVAL {
            return None;
        }
        self.looked_at = Instant::now();
        self.look();
        let cpu_time_ms = self.process()?.accumulated_cpu_time();
        let used_ms = cpu_time_ms.saturating_sub(std::mem::replace(&mut self.cpu_time_ms, cpu_time_ms));
        let (disk_used_bytes, disk_total_bytes) = disk(&self.folder)?;
        let process = self.process()?;
        let memory_total = self.system.total_memory();
        let granted = process.cgroup_limits().map(|limits| limits.total_memory).filter(|bytes| *bytes > 0);
        let open = |files: Option<usize>| files.and_then(|files| u64::try_from(files).ok());
        Some(Resources {
            cpu_cores: used_ms as f64 / 1_000.0 / elapsed.as_secs_f64(),
            cores: self.cores,
            host_cpu_percent: f64::from(self.system.global_cpu_usage()),
            memory_bytes: process.memory(),
            memory_limit_bytes: granted.map_or(memory_total, |bytes| bytes.min(memory_total)),
            host_memory_percent: percent(
                memory_total.saturating_sub(self.system.available_memory()),
                memory_total,
            ),
            disk_used_bytes,
            disk_total_bytes,
            open_files: open(process.open_files()),
            open_files_limit: open(process.open_files_limit()),
        })
    }

    fn look(&mut self) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), false, what);
    }

    fn process(&self) -> Option<&Process> {
        self.system.process(self.pid)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Bytes used and in all of the disk that a folder is on; of the folder above where it is not there yet.
fn disk(folder: &Path) -> Option<(u64, u64)> {
    let found = folder.ancestors().chain([Path::new(".")]).find_map(|folder| {
        // The empty path is the folder that the process runs in.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        rustix::fs::statvfs(folder).ok()
    })?;
    let total = found.f_blocks.checked_mul(found.f_frsize)?;
    let free = found.f_bfree.checked_mul(found.f_frsize)?;
    Some((total.saturating_sub(free), total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_uses_a_core_and_its_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut sampler = Sampler::new(&folder.path().join("not/there/yet")).unwrap();
        assert_eq!(sampler.sample(), None, "too soon to tell");

        let memory = std::hint::black_box(vec![7_u8; 64 << 20]);
        let started = Instant::now();
        while started.elapsed() < 2 * MINIMUM_CPU_UPDATE_INTERVAL {
            std::hint::black_box(memory.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        }
        let used = sampler.sample().unwrap();
        // Other tests share the process and the processors.
        assert!(used.cpu_cores > 0.2 && used.cores > 0.0, "{used:?}");
        assert!((0.0..=100.0).contains(&used.host_cpu_percent) && used.host_cpu_percent > 1.0, "{used:?}");
        assert!(used.memory_bytes > 64 << 20, "{used:?}");
        assert!(used.memory_bytes < used.memory_limit_bytes, "{used:?}");
        assert!((0.0..=100.0).contains(&used.host_memory_percent), "{used:?}");
        assert!(0 < used.disk_used_bytes && used.disk_used_bytes <= used.disk_total_bytes, "{used:?}");
        assert!(used.open_files.unwrap() > 2 && used.open_files <= used.open_files_limit, "{used:?}");
    }
}
