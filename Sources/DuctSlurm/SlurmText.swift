import Glibc
import RecordText

/// A string that Slurm gave: nil for NULL and "", any bytes kept.
func slurmText(_ pointer: UnsafePointer<CChar>?) -> String? {
  guard let pointer, pointer.pointee != 0 else { return nil }
  return String(escapingUpToNUL: UnsafeRawBufferPointer(start: pointer, count: strlen(pointer) + 1))
}
