"""Physics of devices and sense amplifiers: what `Device` and `SenseAmp` are made of."""
