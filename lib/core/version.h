// The version that every program prints.
#ifndef PLEURA_CORE_VERSION_H
#define PLEURA_CORE_VERSION_H

#define PLEURA_VERSION "0.1.0"

#endif
