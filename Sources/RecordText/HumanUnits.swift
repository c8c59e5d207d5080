/// A size in bytes in decimal units: `532 Bytes`, `3.0 MB`.
public func humanSize(_ bytes: Double) -> String {
  let magnitude = abs(bytes)
  if magnitude == 1 { return "\(Int(bytes)) Byte" }
  if magnitude < 1000 { return "\(Int(bytes)) Bytes" }
  let units = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
  var divisor = 1000.0
  var unit = units[0]
  for next in units.dropFirst() where magnitude / (divisor * 1000) >= 1 {
    divisor *= 1000
    unit = next
  }
  return "\(fixed(bytes / divisor, decimals: 1)) \(unit)"
}
