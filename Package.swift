// swift-tools-version: 6.1
import PackageDescription

/// Settings of every Swift target: what a package of many modules is read more easily with.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let collections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "duct",
  products: [
    .executable(name: "duct-relay", targets: ["duct-relay"]),
    .executable(name: "duct-slurm", targets: ["duct-slurm"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
  ],
  targets: [
    // What a Slurm job is to us, and the client that asks the helper. No libslurm.
    .target(
      name: "SlurmJobs",
      dependencies: ["RecordText", "SystemCalls", collections, system],
      swiftSettings: strict),

    // Files that survive their file system. Knows nothing of duct.
    .target(
      name: "ResilientIO", dependencies: ["SystemCalls", collections, system], swiftSettings: strict),

    // The loop that keeps the command's pipes read, for the relay and for duct in its place.
    .target(
      name: "OutputRelay", dependencies: ["SystemCalls", "CSystemCalls", system], swiftSettings: strict),
    .executableTarget(
      name: "duct-relay", dependencies: ["OutputRelay", "SystemCalls"], swiftSettings: strict),

    // libslurm in Swift; the helper is the only program that loads it.
    .systemLibrary(name: "CSlurm", providers: [.apt(["libslurm-dev"])]),
    .target(
      name: "DuctSlurm",
      dependencies: ["CSlurm", "SlurmJobs", "RecordText", "SystemCalls", collections],
      swiftSettings: strict),
    .executableTarget(
      name: "duct-slurm",
      dependencies: ["DuctSlurm", "SlurmJobs", "RecordText", "SystemCalls", system],
      swiftSettings: strict),

    // Text as records hold it: JSON, any bytes in strings, Python's formats, times.
    .target(
      name: "RecordText", dependencies: ["SystemCalls", "CSystemCalls", collections, system],
      swiftSettings: strict),

    // Thin, typed wrappers of kernel calls: threads of our own, children, signals, pipes.
    .target(
      name: "SystemCalls", dependencies: ["CSystemCalls", system], swiftSettings: strict),
    .target(name: "CSystemCalls"),

    // Tests: a folder a target. RunTests and SlurmTests run the executables themselves.
    .target(
      name: "TestSupport",
      dependencies: ["RecordText", "SystemCalls", subprocess, system], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(name: "SystemCallsTests", dependencies: ["SystemCalls", "TestSupport", system]),
    .testTarget(name: "RecordTextTests", dependencies: ["RecordText", "TestSupport"]),
    .testTarget(name: "ResilientIOTests", dependencies: ["ResilientIO", "TestSupport", system]),
    .testTarget(name: "OutputRelayTests", dependencies: ["OutputRelay", "TestSupport", system]),
    .testTarget(name: "SlurmJobsTests", dependencies: ["SlurmJobs", "TestSupport", system]),
    .testTarget(
      name: "SlurmTests",
      dependencies: ["TestSupport", "RecordText", "SlurmJobs", "SystemCalls", "duct-relay", "duct-slurm"]),
  ]
)
