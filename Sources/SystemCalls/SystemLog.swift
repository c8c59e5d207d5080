internal import CSystemCalls

/// Writes a warning into the log of the system, by syslog(3). For what nobody would see on standard error: Slurm shows
/// that of a task's prolog nowhere.
public func warnInSystemLog(_ text: String) { duct_log_to_system(text) }
