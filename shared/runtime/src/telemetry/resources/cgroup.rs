//! Processor time that a control group grants. Version 2: <https://docs.kernel.org/admin-guide/cgroup-v2.html>
//! (`cpu.max`), version 1: <https://docs.kernel.org/scheduler/sched-bwc.html> (`cpu.cfs_quota_us`).

use std::fs::read_to_string;
use std::path::Path;
use std::thread::available_parallelism;

/// Cores that this process may use: a fraction where its control group grants one.
pub(super) fn cores() -> f64 {
    let usable = available_parallelism().map_or(1, std::num::NonZero::get);
    let usable = usable as f64;
    match granted(Path::new("/")) {
        // The standard library knows the grant too, but in whole cores.
        Some(granted) if granted.floor().max(1.0) <= usable => granted,
        _ => usable,
    }
}

/// Cores that the control group of this process grants, on the system at `root`; `None`: no limit. Limits of the
/// groups above hold as well.
fn granted(root: &Path) -> Option<f64> {
    let groups = read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().flat_map(|line| {
        // `hierarchy:controllers:/path`; version 2 has no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mount = if controllers.is_empty() {
            "sys/fs/cgroup"
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            "sys/fs/cgroup/cpu"
        } else {
            return Vec::new();
        };
        let mount = root.join(mount);
        let group = mount.join(path.trim_start_matches('/'));
        let above = group.ancestors().take_while(|folder| folder.starts_with(&mount));
        above.filter_map(limit).collect()
    });
    limits.min_by(f64::total_cmp)
}

/// The limit of one group, in cores.
fn limit(group: &Path) -> Option<f64> {
    let (quota, period) = match read_to_string(group.join("cpu.max")) {
        Ok(both) => {
            let (quota, period) = both.trim().split_once(' ')?;
            (quota.to_owned(), period.to_owned())
        }
        Err(_) => (
            read_to_string(group.join("cpu.cfs_quota_us")).ok()?,
            read_to_string(group.join("cpu.cfs_period_us")).ok()?,
        ),
    };
    // `max` and -1 are no limit.
    let (quota, period): (u32, u32) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    (quota > 0 && period > 0).then(|| f64::from(quota) / f64::from(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> Option<f64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        granted(root.path())
    }

    #[test]
    fn version_2_grants_fractions_and_the_group_above_holds_too() {
        let group = ("proc/self/cgroup", "0::/pods/tellers\n");
        let own = ("sys/fs/cgroup/pods/tellers/cpu.max", "250000 100000\n");
        let above = ("sys/fs/cgroup/pods/cpu.max", "150000 100000\n");
        let unlimited = ("sys/fs/cgroup/pods/cpu.max", "max 100000\n");
        assert_eq!(system(&[group, own, above]), Some(1.5));
        assert_eq!(system(&[group, own, unlimited]), Some(2.5));
        assert_eq!(system(&[group, unlimited]), None);
    }

    #[test]
    fn version_1_grants_too_also_where_a_container_sees_its_group_as_the_root() {
        let group = ("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n");
        let limits = |quota| {
            [
                group,
                ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota),
                ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ]
        };
        assert_eq!(system(&limits("50000\n")), Some(0.5));
        assert_eq!(system(&limits("-1\n")), None);
    }

    #[test]
    fn a_system_without_control_groups_has_no_limit() {
        assert_eq!(system(&[]), None);
        assert!(cores() > 0.0);
    }
}
