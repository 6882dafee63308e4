/* For trials without a GPU, preloaded: the data layers of a GPU build ask CUDA for the current device in CPU mode too, and
   end the process without a driver. */
int cudaGetDevice(int *device) {
    *device = 0;
    return 0;
}

int cudaSetDevice(int device) {
    (void)device;
    return 0;
}
