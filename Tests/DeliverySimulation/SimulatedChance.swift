#if DEBUG || DUCT_SIMULATION
  /// The random numbers of one history.
  struct SimulatedChance {
    private var state: UInt64

    init(seed: UInt64) {
      // Neighboring seeds must have nothing in common.
      state = seed
      state = next() ^ 0x5851_F42D_4C95_7F2D
    }

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }

    /// From 0 to `limit` - 1.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(max(limit, 1))) }
    mutating func happens(_ times: Int, in thousand: Int = 1000) -> Bool { below(thousand) < times }
    mutating func one<Element>(of list: [Element]) -> Element { list[below(list.count)] }
  }
#endif
