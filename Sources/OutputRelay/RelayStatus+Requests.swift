internal import CSystemCalls

/// What duct and delivery ask of the relay. It looks here when its event descriptor wakes it.
extension RelayStatus {
  // MARK: Asked

  /// Asks the relay to move all that the pipes hold by now. It must be woken for it.
  ///
  /// - Returns: the request's number, for `isSynced`.
  public func requestSync() -> UInt32 { duct_add32(&page.pointee.sync_requested, 1) }

  public func isSynced(_ request: UInt32) -> Bool {
    Int32(bitPattern: duct_load32(&page.pointee.sync_done) &- request) >= 0
  }

  /// Asks for the end of what is being dropped to be fixed. The relay must be woken for it.
  func requestStopDropping(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.stop_dropping), 1)
  }

  /// Asks for a log file to be left. The relay must be woken for it.
  public func requestLeavingLog(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.leave_log), 1)
  }

  /// The log file of a stream that has ended is left: the relay does nothing with it any more.
  public func leaveLogAfterEnd(for store: Int, stream index: Int) {
    guard self[index].hasEnded, !hasLeftLog(stream: index) else { return }
    noteStart(self[index].written, of: store, stream: index)
  }

  // MARK: Heard by the relay

  /// The number of a request that has not been carried out.
  var waitingSync: UInt32? {
    let requested = duct_load32(&page.pointee.sync_requested)
    return requested == duct_load32(&page.pointee.sync_done) ? nil : requested
  }

  func noteSynced(_ request: UInt32) {
    duct_store32(&page.pointee.sync_done, request)
    wakeAll()
  }

  func isStopRequested(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.stop_dropping)) != 0
  }

  func isLeavingLogRequested(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.leave_log)) != 0
  }
}
