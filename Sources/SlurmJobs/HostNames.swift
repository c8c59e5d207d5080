import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Names by which slurmctld may know this host. slurmctld looks up the name of a client's address and cuts it at
/// the first dot, so `alloc_node` can differ from the hostname.
public enum HostNames {
  /// The names of this host's addresses that the name service returns within `seconds`. With a name server that is
  /// down, each lookup takes seconds, so the lookups run in parallel. A thread that hangs ends with the process.
  public static func local(within seconds: Double) -> [String] {
    let addresses = self.addresses()
    let found = Monitor<(names: Set<String>, done: Int)>(([], 0))
    for address in addresses {
      do throws(Errno) {
        _ = try OwnThread("host name") {
          let name = name(of: address)
          found.update { found in
            if let name { found.names.insert(name) }
            found.done += 1
          }
        }
      } catch {
        found.update { $0.done += 1 }
      }
    }
    _ = found.wait(until: .now + seconds) { $0.done == addresses.count ? true : nil }
    return found.withLock { $0.names.sorted() }
  }

  /// Socket addresses as bytes.
  private static func addresses() -> [[UInt8]] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
    var addresses: [[UInt8]] = []
    var next = first
    while let interface = next {
      next = interface.pointee.ifa_next
      guard let address = interface.pointee.ifa_addr else { continue }
      let length: Int
      switch CInt(address.pointee.sa_family) {
      case AF_INET: length = MemoryLayout<sockaddr_in>.size
      case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
      default: continue
      }
      addresses.append(Array(UnsafeRawBufferPointer(start: address, count: length)))
    }
    return addresses
  }

  private static func name(of address: [UInt8]) -> String? {
    var name = [CChar](repeating: 0, count: 1025)
    let result = address.withUnsafeBytes { bytes -> CInt in
      guard let start = bytes.baseAddress else { return EAI_FAIL }
      return getnameinfo(
        start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count), &name, socklen_t(name.count),
        nil, 0, NI_NAMEREQD)
    }
    guard result == 0 else { return nil }
    let text = name.withUnsafeBytes { String(escapingUpToNUL: $0) }
    return text.split(separator: ".").first?.lowercased()
  }
}
