// A head's last layer, for its kernels.
#ifndef PLEURA_OPS_HEAD_CONVOLUTION_HEAD_CONVOLUTION_H
#define PLEURA_OPS_HEAD_CONVOLUTION_HEAD_CONVOLUTION_H

struct head_convolution_attributes {
    double dropout; // the probability, 0 in prediction
};

#endif
