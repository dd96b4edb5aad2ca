# pipelines.mk: the method's targets, by which the programs are run. The source tree's Makefile, which builds these, includes it;
# where Pleura is installed `pleura make` runs it, in any folder: nothing is written but below that (docs/packages.md).
#   MAKEFILE: the makefile that has all targets   PIPELINES: this folder   INSTALLED: 1, where there is no source tree

ifneq ($(origin MAKEFILE),file)
MAKEFILE := $(abspath $(lastword $(MAKEFILE_LIST)))
PIPELINES := $(patsubst %/,%,$(dir $(MAKEFILE)))
override INSTALLED := 1
override BIN := $(abspath $(PIPELINES)/../../../libexec/pleura)
override PROGRAMS :=
else
PIPELINES := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
override INSTALLED :=
endif

# All rules are here; make's own would be tried for each of the hundreds of files that a source tree includes.
MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: help programs

help:
	@sed -n 's/^#: //; T; $(if $(INSTALLED),s/^make /pleura &/;) p' $(MAKEFILE_LIST)
	@! command -v jq >/dev/null || jq -r -L $(PIPELINES)/method 'include "stages"; help' $(call quoted,$(CONFIG))

ifdef INSTALLED
programs: ;@:
endif

# need PACKAGE...: a recipe's line that installs those of Debian's that are missing; an installation has said what it needs
need = $(if $(INSTALLED),,@tests/deps.sh $1)
# The same make again, for other targets
AGAIN = $(MAKE) --no-print-directory -f $(MAKEFILE)

include $(PIPELINES)/*/*.mk
