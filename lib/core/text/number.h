// Numbers as text.
#ifndef PLEURA_CORE_TEXT_NUMBER_H
#define PLEURA_CORE_TEXT_NUMBER_H

#define NUMBER_TEXT_SIZE 32

// The shortest decimal that strtod reads back as the same double ("0.17", "1e-08", "nan", "-inf").
void number_text(char text[NUMBER_TEXT_SIZE], double number);

#endif
