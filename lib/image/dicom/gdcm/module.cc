// GDCM's decompressors as a module: the only C++ of the project. A stream is put into the one shape
// that all of GDCM's codecs take, a data element with a sequence of one fragment.
#include "core/module.h"
#include "image/dicom/gdcm/gdcm.h"

#include <cstring>
#include <exception>
#include <limits>

#include <gdcmDataElement.h>
#include <gdcmFragment.h>
#include <gdcmJPEG2000Codec.h>
#include <gdcmJPEGCodec.h>
#include <gdcmJPEGLSCodec.h>
#include <gdcmSequenceOfFragments.h>
#include <gdcmTrace.h>

namespace {

// Samples fill what is allocated for them: GDCM asserts that, and what the bits mean is not its
// business here.
gdcm::PixelFormat pixel_format(const struct codestream *stream) {
    const unsigned short bits = stream->precision <= 8 ? 8 : 16;
    return gdcm::PixelFormat(static_cast<unsigned short>(stream->components), bits, bits,
                             static_cast<unsigned short>(bits - 1), stream->is_signed);
}

template <class Codec>
bool run(Codec &codec, const struct codestream *stream, const gdcm::DataElement &in,
         gdcm::DataElement &out) {
    const unsigned dimensions[] = {static_cast<unsigned>(stream->width),
                                   static_cast<unsigned>(stream->height), 1};
    codec.SetNumberOfDimensions(2);
    codec.SetDimensions(dimensions);
    codec.SetPlanarConfiguration(0);
    codec.SetPhotometricInterpretation(stream->components == 1
                                           ? gdcm::PhotometricInterpretation::MONOCHROME2
                                           : gdcm::PhotometricInterpretation::RGB);
    codec.SetPixelFormat(pixel_format(stream));
    return codec.Decode(in, out);
}

bool decode(enum dicom_codec codec, const struct codestream *stream, const gdcm::DataElement &in,
            gdcm::DataElement &out) {
    switch (codec) {
    case DICOM_CODEC_JPEG: {
        gdcm::JPEGCodec jpeg;
        return run(jpeg, stream, in, out);
    }
    case DICOM_CODEC_JPEG_LS: {
        gdcm::JPEGLSCodec jpeg_ls;
        return run(jpeg_ls, stream, in, out);
    }
    case DICOM_CODEC_JPEG_2000: {
        gdcm::JPEG2000Codec jpeg_2000;
        jpeg_2000.SetNumberOfThreadsForDecompression(0); // the caller has a process for every core
        return run(jpeg_2000, stream, in, out);
    }
    }
    return false;
}

} // namespace

extern "C" {
MODULE_EXPORTED dicom_gdcm_function pleura_gdcm_decompress;
}

const char *pleura_module_version() {
    return module_build();
}

bool pleura_gdcm_decompress(enum dicom_codec codec, const struct codestream *stream,
                            uint8_t *samples, size_t length, struct error *error) {
    try {
        gdcm::Trace::DebugOff();
        gdcm::Trace::WarningOff();
        gdcm::Trace::ErrorOff();
        if (stream->length > std::numeric_limits<uint32_t>::max() - 1) {
            return fail(error, "a compressed frame of %zu bytes is not read", stream->length);
        }
        gdcm::Fragment fragment;
        fragment.SetByteValue(reinterpret_cast<const char *>(stream->bytes),
                              static_cast<uint32_t>(stream->length));
        gdcm::SmartPointer<gdcm::SequenceOfFragments> fragments = new gdcm::SequenceOfFragments;
        fragments->AddFragment(fragment);
        gdcm::DataElement in(gdcm::Tag(0x7FE0, 0x0010), 0, gdcm::VR::OB), out;
        in.SetValue(*fragments);
        if (!decode(codec, stream, in, out)) {
            return fail(error, "GDCM cannot decompress it");
        }
        const gdcm::ByteValue *value = out.GetByteValue();
        if (value == nullptr || value->GetLength() < length) {
            return fail(error, "its compressed frame is cut short");
        }
        std::memcpy(samples, value->GetPointer(), length);
        return true;
    } catch (const std::bad_alloc &) {
        return fail(error, "no memory to decompress it");
    } catch (const std::exception &exception) {
        return fail(error, "GDCM cannot decompress it: %s", exception.what());
    } catch (...) {
        return fail(error, "GDCM cannot decompress it");
    }
}
