internal import CSystemCalls

/// Requests of duct and the carrier to the relay. The relay checks them when its eventfd wakes it.
extension RelayStatus {
  // MARK: Sending

  /// Requests that the relay move all that the pipes hold at this moment. The caller then signals the relay's
  /// eventfd.
  ///
  /// - Returns: the number of the request, for `isSynced`.
  public func requestSync() -> UInt32 { duct_add32(&page.pointee.sync_requested, 1) }

  public func isSynced(_ request: UInt32) -> Bool {
    Int32(bitPattern: duct_load32(&page.pointee.sync_done) &- request) >= 0
  }

  /// Requests that the relay fix the end of the range that it is dropping. The caller then signals the relay's
  /// eventfd.
  func requestStopDropping(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.stop_dropping), 1)
  }

  /// Requests that the relay leave the log file and continue in the next store. The caller then signals the
  /// relay's eventfd.
  public func requestLeavingLog(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.leave_log), 1)
  }

  /// Marks the log file of an ended stream as left, so that the carrier delivers the stream. duct sets this
  /// itself, because the relay serves no requests for a stream that has ended.
  public func leaveLogAfterEnd(for store: Int, stream index: Int) {
    guard self[index].hasEnded, !hasLeftLog(stream: index) else { return }
    noteStart(self[index].written, of: store, stream: index)
  }

  // MARK: Receiving, in the relay

  /// The number of the latest sync request, if the relay has not completed it.
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
