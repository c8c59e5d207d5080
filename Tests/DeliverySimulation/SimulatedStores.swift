#if DEBUG || DUCT_SIMULATION
  import Synchronization
  import SystemPackage

  @testable import OutputRelay

  /// Stores of a stream in memory. The first is the log file, where the relay writes that itself.
  final class SimulatedStores: OutputStoring, @unchecked Sendable {
    struct Store {
      var data: [UInt8] = []
      /// What was given back reads as NUL bytes, as a hole does.
      var held = 0
      var capacity = Int.max
      var holes: [Range<Int>] = []
      /// A disk that cannot read this any more.
      var unreadable: Range<Int>?
      var takesNothing = false
    }

    /// Where the bytes of the log file are.
    enum Log {
      case open(SimulatedFileSystem.Handle)
      /// A copy of its beginning.
      case copy([UInt8])

      var data: [UInt8] {
        switch self {
        case .open(let handle): handle.inode.data
        case .copy(let data): data
        }
      }
    }

    var log: Log?
    /// Of the open log file: a relay goes on where the one before it was.
    var logPosition = 0
    /// Nil where there is none. The log file is not among them.
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

    /// Appends as much as there is room for.
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
