# package.mk: Debian packages of what `make install` installs, and an image of them (docs/packages.md).

#: make deb              build/package/pleura_VERSION_ARCH.deb; pleura-cuda_... as well, where the CUDA module is built
#: make image            build/package/pleura.oci.tar, an OCI image of the same package on a minimal Debian, run once

.PHONY: deb image
deb: all
	+@MAKE=$(MAKE) pipelines/package/deb.sh $(BUILD)/package $(if $(MODULE),cuda)

image: deb
	@pipelines/package/image.sh $(BUILD)/package

#: make deb-check        lintian; then the package on a Debian without compilers runs README's pipelines
.PHONY: deb-check
deb-check: deb
	@lintian --fail-on error $(wildcard $(BUILD)/package/*.deb)
	@pipelines/package/check.sh $(BUILD)/package/pleura_*.deb
