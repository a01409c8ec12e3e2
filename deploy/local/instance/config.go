package instance

import "fmt"

// The intervals of a demonstration: X-Road's are 60 seconds.
const intervals = "1s"

func centralConfig(i *Instance, name, folder, address string) string {
	return fmt.Sprintf(`data_directory: %s
bind: %s
%spublication_port: %d
token:
  pin_file: %s
global_configuration:
  interval: %s
  poll: 200ms
  time_stamping_interval: %s
management_requests:
  per_minute: 600
`, folder, address, i.databaseConfig(name), PublicationPort, i.secretFile(name+"-pin"), intervals, intervals)
}

func securityConfig(i *Instance, name, folder, address string) string {
	return fmt.Sprintf(`data_directory: %s
bind: %s
%stoken:
  pin_file: %s
global_configuration:
  interval: %s
ocsp:
  interval: 10s
  retry: %s
`, folder, address, i.databaseConfig(name), i.secretFile(name+"-pin"), intervals, intervals)
}

func (i *Instance) databaseConfig(name string) string {
	if i.Databases == nil {
		return ""
	}
	return fmt.Sprintf("database:\n  driver: postgres\n  dsn_file: %s\n", i.secretFile(name+"-dsn"))
}
