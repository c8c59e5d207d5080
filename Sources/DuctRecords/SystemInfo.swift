import Glibc
public import RecordText
internal import SystemCalls
internal import SystemPackage

/// The host of a run, with con-duct's members.
public struct SystemInfo: WrittenRecord {
  /// Configured processors, including those that are offline. From sysconf(3).
  var cpuTotal: Int
  /// Bytes of physical memory. From sysconf(3).
  var memoryTotal: Int
  /// From gethostname(2).
  var hostname: String?
  /// From getuid(2).
  var uid: Int
  /// See `userName`.
  var user: String?
  /// From uname(2).
  var osName: String
  /// From uname(2).
  var osRelease: String
  /// From uname(2).
  var osVersion: String
  /// The machine, from uname(2).
  var arch: String
  /// Always empty. con-duct records the output of `uname -p`, and most distributions print nothing.
  var processor = ""
  /// `ID` in os-release(5); `linux` if it is missing.
  var distroID: String
  /// `ID_LIKE` in os-release(5); empty if it is missing.
  var distroIDLike: String
  /// `NAME` in os-release(5); `Linux` if it is missing.
  var distroName: String
  /// `VERSION` in os-release(5); empty if it is missing.
  var distroVersion: String
  /// `VERSION_ID` in os-release(5); empty if it is missing.
  var distroVersionID: String
  /// `VERSION_CODENAME` in os-release(5); empty if it is missing.
  var distroCodename: String
  /// `VARIANT_ID` in os-release(5); empty if it is missing.
  var distroVariantID: String
  /// `PRETTY_NAME` in os-release(5); `Linux` if it is missing.
  var distroPrettyName: String
  /// `BUILD_ID` in os-release(5); empty if it is missing.
  var distroBuildID: String

  public mutating func list(_ members: inout RecordMembers) {
    members("cpu_total", &cpuTotal)
    members("memory_total", &memoryTotal)
    members("hostname", &hostname)
    members("uid", &uid)
    members("user", &user)
    members("os_name", &osName)
    members("os_release", &osRelease)
    members("os_version", &osVersion)
    members("arch", &arch)
    members("processor", &processor)
    members("distro_id", &distroID)
    members("distro_id_like", &distroIDLike)
    members("distro_name", &distroName)
    members("distro_version", &distroVersion)
    members("distro_version_id", &distroVersionID)
    members("distro_codename", &distroCodename)
    members("distro_variant_id", &distroVariantID)
    members("distro_pretty_name", &distroPrettyName)
    members("distro_build_id", &distroBuildID)
  }

  static func current(environment: [String: String]) -> SystemInfo {
    let host = HostConstants.current
    var names = utsname()
    uname(&names)
    let release = OSRelease.current()
    func distro(_ name: String) -> String { release[name] ?? "" }
    return SystemInfo(
      cpuTotal: Int(host.configuredCPUs), memoryTotal: Int(host.memoryBytes),
      hostname: fullHostName(), uid: Int(getuid()), user: userName(environment),
      osName: text(&names.sysname), osRelease: text(&names.release), osVersion: text(&names.version),
      arch: text(&names.machine), distroID: distro("ID"), distroIDLike: distro("ID_LIKE"),
      distroName: distro("NAME"), distroVersion: distro("VERSION"),
      distroVersionID: distro("VERSION_ID"), distroCodename: distro("VERSION_CODENAME"),
      distroVariantID: distro("VARIANT_ID"), distroPrettyName: distro("PRETTY_NAME"),
      distroBuildID: distro("BUILD_ID"))
  }

  /// The text in a fixed array of C characters, which is a tuple in Swift.
  private static func text<Characters>(_ characters: inout Characters) -> String {
    withUnsafeBytes(of: &characters) { String(escapingUpToNUL: $0) }
  }
}

/// The file that describes the distribution: see os-release(5).
enum OSRelease {
  static func current() -> [String: String] {
    for place in ["/etc/os-release", "/usr/lib/os-release"] {
      if let bytes = try? readAll(FilePath(place)) { return parse(bytes) }
    }
    return [:]
  }

  /// Works on bytes: comparing characters takes many times longer, and each run does this.
  static func parse(_ text: [UInt8]) -> [String: String] {
    // The file need not have these variables. Their defaults are from its manual page.
    var values = ["NAME": "Linux", "ID": "linux", "PRETTY_NAME": "Linux"]
    for line in text.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
      guard line.first != UInt8(ascii: "#"), let mark = line.firstIndex(of: UInt8(ascii: "=")) else {
        continue
      }
      values[String(escaping: line[..<mark])] = unquote(line[(mark + 1)...])
    }
    return values
  }

  private static func unquote(_ text: ArraySlice<UInt8>) -> String {
    var value = text
    if let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"), value.count > 1,
      value.last == quote
    {
      value = value.dropFirst().dropLast()
    }
    var result: [UInt8] = []
    var isEscaped = false
    for byte in value {
      if byte == UInt8(ascii: "\\"), !isEscaped {
        isEscaped = true
        continue
      }
      isEscaped = false
      result.append(byte)
    }
    return String(escaping: result)
  }
}
