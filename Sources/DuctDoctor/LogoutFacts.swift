internal import HostPrograms
internal import RecordText

/// What would become of a run if its user logged out.
struct LogoutFacts: Sendable {
  /// A job's processes are Slurm's.
  var isInJob = false
  /// The contents of /proc/self/cgroup.
  var membership = ""
  /// The properties that loginctl shows of the login manager and of the user; nil: it is not there, or does not answer.
  var manager: [String: String]?
  var user: [String: String]?
  var userName = ""

  /// - Parameter text: lines of the form `NAME=value`.
  static func properties(_ answer: ProgramAnswer) -> [String: String]? {
    guard case .printed(let text) = answer else { return nil }
    var found: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
    }
    return found
  }

  /// systemd's unit of this process: `session-3.scope`, `user@1000.service`.
  private func isBelow(_ start: String, _ end: String) -> Bool {
    membership.split { $0 == "/" || $0 == "\n" }.contains { $0.hasPrefix(start) && $0.hasSuffix(end) }
  }

  /// Whether a login of this user started this process, so that loginctl can say more.
  var isOfLogin: Bool { isBelow("user@", ".service") || isBelow("session-", ".scope") }

  var finding: Finding {
    func ok(_ text: String) -> Finding { Finding(.logout, "logout", ok: text) }
    func warning(_ text: String, _ advice: String) -> Finding {
      Finding(.logout, "logout", .warning, text, advice: advice)
    }
    if isInJob { return ok("this is a job: it ends when Slurm says so, not at a logout") }
    if isBelow("user@", ".service") {
      if user?["Linger"] == "yes" { return ok("a run goes on after a logout: lingering is on") }
      return warning(
        "a logout from the last session ends a run: systemd's manager of the user started it, and lingering is off",
        "Run loginctl enable-linger")
    }
    guard isBelow("session-", ".scope") else { return ok("no login session of systemd has this process") }
    guard let manager, let kills = manager["KillUserProcesses"] else {
      return warning(
        "loginctl does not say whether a logout ends a run",
        "Ask the administrators about KillUserProcesses in logind.conf")
    }
    let spared = (manager["KillExcludeUsers"] ?? "").split(separator: " ").contains(Substring(userName))
    let only = (manager["KillOnlyUsers"] ?? "").split(separator: " ")
    if kills != "yes" || spared || !only.isEmpty && !only.contains(Substring(userName)) {
      return ok("a run goes on after a logout (KillUserProcesses is \(kills))")
    }
    return warning(
      "a logout ends a run (KillUserProcesses)",
      "Run loginctl enable-linger, and start it with systemd-run --user --scope duct …")
  }
}
