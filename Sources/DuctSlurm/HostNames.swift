import Glibc

/// Names by which slurmctld may know this host: it looks the address of a client up in reverse and cuts
/// the name at the first dot, so `alloc_node` need not be the hostname.
enum HostNames {
  static let local: [String] = names()

  private static func names() -> [String] {
    var found: Set<String> = []
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return [] }
    defer { freeifaddrs(first) }
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
      var name = [CChar](repeating: 0, count: 1025)
      let result = getnameinfo(
        address, socklen_t(length), &name, socklen_t(name.count), nil, 0, NI_NAMEREQD)
      if result == 0, let text = slurmText(name), let short = text.split(separator: ".").first {
        found.insert(short.lowercased())
      }
    }
    return found.sorted()
  }
}
