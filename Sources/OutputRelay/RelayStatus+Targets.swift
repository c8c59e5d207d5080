internal import CSystemCalls
public import SystemCalls

extension RelayStatus {
  /// The files that a run writes into the log directory.
  public enum Target: Int, Sendable, CaseIterable {
    case stdout = 0
    case stderr = 1
    case usage = 2
    case info = 3
  }

  /// The identities of the files that are ours under this target. The file that is about to take the name comes
  /// first, the one that has the name last.
  public func notes(of target: Target) -> [TargetNote] {
    let pointer = targetPointer(target)
    let valid = Valid(rawValue: duct_load32(fieldPointer(pointer, \.valid))) ?? .none
    return valid.slots.map { note(identityPointer($0, pointer).pointee) }
  }

  /// Whether a file can be one of the noted ones: no known property contradicts it. That is enough to read from
  /// it what the run has written, but not enough to write into it.
  public func isNoted(_ found: FileIdentity, as target: Target) -> Bool {
    notes(of: target).contains { found.isSameFile(as: $0.identity) }
  }

  /// Notes which file is ours, for the process that continues if this one is killed.
  public func remember(_ note: TargetNote, as target: Target) {
    let pointer = targetPointer(target)
    let valid = Valid(rawValue: duct_load32(fieldPointer(pointer, \.valid))) ?? .none
    // Write into the slot that is not valid, so that at each moment one slot is complete.
    write(note, valid.free, valid.free == 0 ? .first : .second, pointer)
  }

  /// Notes a file that may take the place of the other one at any moment. From here on both are ours.
  public func rememberBoth(_ note: TargetNote, as target: Target) {
    let pointer = targetPointer(target)
    let valid = Valid(rawValue: duct_load32(fieldPointer(pointer, \.valid))) ?? .none
    write(note, valid.free, valid.withNew, pointer)
  }

  /// Records that no file of this target is ours, after they were removed.
  public func forget(_ target: Target) {
    put(Valid.none.rawValue, fieldPointer(targetPointer(target), \.valid))
  }

  /// Which of the two identities of a target are valid.
  private enum Valid: UInt32 {
    case none, first, second
    case firstAndNewSecond, secondAndNewFirst

    /// Valid slots, the new one first.
    var slots: [Int] {
      switch self {
      case .none: []
      case .first: [0]
      case .second: [1]
      case .firstAndNewSecond: [1, 0]
      case .secondAndNewFirst: [0, 1]
      }
    }

    /// The slot that can be overwritten without losing the file that has the name.
    var free: Int {
      switch self {
      case .none, .second, .secondAndNewFirst: 0
      case .first, .firstAndNewSecond: 1
      }
    }

    var withNew: Valid {
      switch self {
      case .none: .first
      case .first, .firstAndNewSecond: .firstAndNewSecond
      case .second, .secondAndNewFirst: .secondAndNewFirst
      }
    }
  }

  /// Writes an identity, and after it which identities are valid.
  private func write(
    _ note: TargetNote, _ number: Int, _ valid: Valid, _ target: UnsafeMutablePointer<duct_relay_target>
  ) {
    let pointer = identityPointer(number, target)
    let identity = note.identity
    pointer.pointee = duct_relay_identity()
    pointer.pointee.device = identity.device
    pointer.pointee.inode = identity.inode
    pointer.pointee.size = UInt64(max(identity.size, 0))
    pointer.pointee.birth_seconds = Int64(identity.birth?.seconds ?? 0)
    pointer.pointee.birth_nanoseconds = Int64(identity.birth?.nanoseconds ?? 0)
    pointer.pointee.modification_seconds = Int64(identity.modification.seconds)
    pointer.pointee.modification_nanoseconds = Int64(identity.modification.nanoseconds)
    pointer.pointee.name = UInt32(clamping: note.name)
    pointer.pointee.link = note.link.map { UInt32(clamping: $0 + 1) } ?? 0
    if let handle = identity.handle, handle.bytes.count <= Int(DUCT_HANDLE_SIZE) {
      pointer.pointee.handle_type = handle.type
      pointer.pointee.handle_size = UInt32(handle.bytes.count)
      withUnsafeMutableBytes(of: &pointer.pointee.handle) { $0.copyBytes(from: handle.bytes) }
    }
    duct_store32(fieldPointer(target, \.valid), valid.rawValue)
    copyOut(pointer, through: fieldPointer(target, \.valid))
  }

  private func note(_ stored: duct_relay_identity) -> TargetNote {
    let birth = FileIdentity.Time(
      seconds: Int(stored.birth_seconds), nanoseconds: Int(stored.birth_nanoseconds))
    let size = min(Int(stored.handle_size), Int(DUCT_HANDLE_SIZE))
    let handle = withUnsafeBytes(of: stored.handle) { Array($0.prefix(size)) }
    return TargetNote(
      identity: FileIdentity(
        device: stored.device, inode: stored.inode, size: Int(clamping: stored.size),
        birth: stored.birth_seconds == 0 ? nil : birth,
        modification: .init(
          seconds: Int(stored.modification_seconds), nanoseconds: Int(stored.modification_nanoseconds)),
        handle: size == 0 ? nil : .init(type: stored.handle_type, bytes: handle)),
      name: Int(stored.name), link: stored.link == 0 ? nil : Int(stored.link) - 1)
  }

  private func targetPointer(_ target: Target) -> UnsafeMutablePointer<duct_relay_target> {
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.targets) ?? 0
    return (UnsafeMutableRawPointer(page) + offset).assumingMemoryBound(to: duct_relay_target.self)
      + target.rawValue
  }

  private func identityPointer(
    _ number: Int, _ target: UnsafeMutablePointer<duct_relay_target>
  ) -> UnsafeMutablePointer<duct_relay_identity> {
    let offset = MemoryLayout<duct_relay_target>.offset(of: \.identities) ?? 0
    return (UnsafeMutableRawPointer(target) + offset).assumingMemoryBound(to: duct_relay_identity.self)
      + number
  }
}
