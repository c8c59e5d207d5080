import Glibc
import RecordText

/// Converts a C string from Slurm, with any bytes; nil for NULL and "".
func slurmText(_ pointer: UnsafePointer<CChar>?) -> String? {
  guard let pointer, pointer.pointee != 0 else { return nil }
  return String(escapingUpToNUL: UnsafeRawBufferPointer(start: pointer, count: strlen(pointer) + 1))
}
