#if DEBUG || DUCT_SIMULATION
  import Synchronization
  import SystemPackage

  @testable import OutputRelay

  /// The stores of a stream, in memory. The first one is the log file if the relay writes it itself.
  final class SimulatedStores: OutputStoring, @unchecked Sendable {
    struct Store {
      var data: [UInt8] = []
      /// The number of bytes that were not given back. Those that were given back read as NUL bytes, like a hole.
      var held = 0
      var capacity = Int.max
      var holes: [Range<Int>] = []
      /// A range that the disk cannot read any more.
      var unreadable: Range<Int>?
      var takesNothing = false
    }

    /// The source of the log file's bytes.
    enum Log {
      case open(SimulatedFileSystem.Handle)
      /// A copy of the file's beginning.
      case copy([UInt8])

      var data: [UInt8] {
        switch self {
        case .open(let handle): handle.inode.data
        case .copy(let data): data
        }
      }
    }

    var log: Log?
    /// The position in the open log file. A new relay continues where the previous one ended.
    var logPosition = 0
    /// Nil where the store does not exist. The log file is not in this list.
    var stores: [Store?]

    init(hasSpool: Bool) { stores = [nil, hasSpool ? Store() : nil, Store()] }

    func has(_ store: Int) -> Bool { store == 0 ? log != nil : stores[store] != nil }

    func read(_ store: Int, _ buffer: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
      if store == 0 {
        let part = (log?.data ?? []).dropFirst(position).prefix(buffer.count)
        part.withUnsafeBytes { buffer.copyMemory(from: $0) }
        return part.count
      }
      guard let found = stores[store], position < found.data.count else { return 0 }
      var end = min(found.data.count, position + buffer.count)
      if let bad = found.unreadable {
        if bad.contains(position) { return -1 }
        if position < bad.lowerBound { end = min(end, bad.lowerBound) }
      }
      found.data[position..<end].withUnsafeBytes { buffer.copyMemory(from: $0) }
      return end - position
    }

    func giveBack(_ store: Int, _ range: Range<Int>) {
      guard var found = stores[store] else { return }
      stores[store] = nil
      let part = range.clamped(to: 0..<found.data.count)
      found.data.withUnsafeMutableBytes { bytes in
        let gone = UnsafeMutableRawBufferPointer(rebasing: bytes[part])
        var given = 0
        for byte in gone { given &+= byte == 0 ? 0 : 1 }
        found.held -= given
        gone.initializeMemory(as: UInt8.self, repeating: 0)
      }
      stores[store] = found
    }

    /// Appends as many bytes as there is room for.
    func append(_ store: Int, _ bytes: ArraySlice<UInt8>) throws(Errno) -> Int {
      guard var found = stores[store] else { throw .badFileDescriptor }
      if found.takesNothing { throw .ioError }
      let room = found.capacity - found.held
      if room <= 0 { throw .noSpace }
      let part = bytes.prefix(room)
      stores[store] = nil
      found.data.append(contentsOf: part)
      found.held += part.count
      stores[store] = found
      return part.count
    }

    func length(_ store: Int) -> Int? { store == 0 ? logPosition : stores[store]?.data.count }
  }
#endif
