#include "bench/nvml.h"

namespace dg::bench {

Nvml::Nvml(const std::string& pci_bus_id) : library_(std::vector<std::string>{"libnvidia-ml.so.1"}) {
  library_.get("nvmlInit_v2", init_);
  library_.get("nvmlShutdown", shutdown_);
  library_.get("nvmlDeviceGetHandleByPciBusId_v2", find_);
  library_.get("nvmlSystemGetDriverVersion", driver_);
  library_.get("nvmlDeviceGetClockInfo", clock_);
  library_.get("nvmlDeviceGetMaxClockInfo", highest_clock_);
  int status = init_();
  check(status == 0, "NVML: cannot be started, status ", status);
  status = find_(pci_bus_id.c_str(), &device_);
  if (status != 0) {
    shutdown_();
    fail("NVML: does not know the device ", pci_bus_id, ", status ", status);
  }
}

Nvml::~Nvml() { shutdown_(); }

std::string Nvml::driver() const {
  char text[96] = {};
  return driver_(text, sizeof text) == 0 ? text : "unknown";
}

}  // namespace dg::bench
